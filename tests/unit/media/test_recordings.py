"""Sound and video: length, poster, waveform, and removal of the recording position."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.media.image_info import UnreadableError
from app.media.inspect import inspect
from app.media.recordings import decode_recording
from app.media.strip_recording import strip_recording
from tests.support.media_files import sound_bytes, video_bytes, wav_bytes


def saved(directory: Path, data: bytes) -> Path:
    path = directory / "recording"
    path.write_bytes(data)
    return path


def test_video_has_length_size_and_poster(tmp_path: Path) -> None:
    path = saved(tmp_path, video_bytes(tmp_path, seconds=2, size=(640, 360)))
    recording = decode_recording(str(path), max_pixels=10**6)
    assert recording.seconds == pytest.approx(2.0, abs=0.2)
    assert recording.poster is not None
    assert recording.poster.size == (640, 360)
    assert Image.open(io.BytesIO(recording.poster.thumbnail)).size == (480, 270)
    assert recording.waveform is None


def test_sound_has_a_length_and_a_waveform_of_64_points(tmp_path: Path) -> None:
    path = saved(tmp_path, sound_bytes(tmp_path, seconds=2))
    recording = decode_recording(str(path), max_pixels=1)
    assert recording.seconds == pytest.approx(2.0, abs=0.1)
    assert recording.waveform is not None
    assert len(recording.waveform) == 64
    assert max(recording.waveform) == 100
    assert all(0 <= point <= 100 for point in recording.waveform)
    quarters = [sum(recording.waveform[n : n + 16]) for n in range(0, 64, 16)]
    assert quarters == sorted(quarters)


def test_very_short_sound_has_64_points_too(tmp_path: Path) -> None:
    recording = decode_recording(str(saved(tmp_path, wav_bytes(0.05))), max_pixels=1)
    assert recording.waveform is not None
    assert len(recording.waveform) == 64


def test_silence_has_a_flat_waveform(tmp_path: Path) -> None:
    data = wav_bytes(0.5)
    silent = data[:44] + bytes(len(data) - 44)
    assert decode_recording(str(saved(tmp_path, silent)), max_pixels=1).waveform == [0] * 64


def test_video_without_a_picture_counts_as_audio(tmp_path: Path) -> None:
    path = saved(tmp_path, sound_bytes(tmp_path))
    found = inspect(path, "video/webm", "video", max_pixels=1)
    assert (found.kind, found.content_type, found.image) == ("audio", "audio/webm", None)


def test_sound_with_a_picture_track_counts_as_video(tmp_path: Path) -> None:
    path = saved(tmp_path, video_bytes(tmp_path))
    found = inspect(path, "audio/mp4", "audio", max_pixels=10**6)
    assert (found.kind, found.content_type) == ("video", "video/mp4")


@pytest.mark.parametrize(("kind", "content_type"), [("audio", "audio/mpeg"), ("video", "video/mp4")])
def test_recording_that_cannot_be_decoded_is_a_plain_file(tmp_path: Path, kind: Any, content_type: str) -> None:
    path = saved(tmp_path, b"ID3 no recording" * 100)
    found = inspect(path, content_type, kind, max_pixels=10**6)
    assert (found.kind, found.content_type, found.image) == ("file", "application/octet-stream", None)
    assert found.bytes == 1600


@pytest.mark.parametrize(
    ("pixel", "turn", "shown"),
    [
        (None, 0, (720, 576)),
        (Fraction(64, 45), 0, (1024, 576)),
        (Fraction(8, 9), 0, (640, 576)),
        (Fraction(64, 45), 90, (576, 1024)),
        (Fraction(64, 45), 180, (1024, 576)),
        (Fraction(1000, 1), 0, (720, 576)),
    ],
    ids=["square", "wide", "narrow", "wide and turned", "wide and upside down", "absurd"],
)
def test_video_has_the_shape_that_players_show(
    tmp_path: Path, pixel: Fraction | None, turn: int, shown: tuple[int, int]
) -> None:
    data = video_bytes(tmp_path, size=(720, 576), seconds=0.2, pixel=pixel)
    recording = decode_recording(str(saved(tmp_path, turned(data, turn))), max_pixels=10**6)
    assert recording.poster is not None
    assert recording.poster.size == shown
    poster = Image.open(io.BytesIO(recording.poster.thumbnail))
    assert max(poster.size) == 480
    assert poster.width / poster.height == pytest.approx(shown[0] / shown[1], abs=0.01)


def turned(video: bytes, degrees: int) -> bytes:
    """Writes a rotation into the matrix of the track's header, as phones do (ISO/IEC 14496-12, 8.3.2)."""
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0)}[degrees]
    at = video.index(b"tkhd") + 4 + 40
    numbers = [cosine * 65536, sine * 65536, 0, -sine * 65536, cosine * 65536, 0, 0, 0, 1 << 30]
    return video[:at] + struct.pack(">9i", *numbers) + video[at + 36 :]


@pytest.mark.parametrize("data", [b"", b"no recording at all" * 100, b"\x1aE\xdf\xa3" + bytes(500)])
def test_data_that_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_recording(str(saved(tmp_path, data)), max_pixels=10**6)


def test_video_with_too_many_pixels_is_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError) as caught:
        decode_recording(str(saved(tmp_path, video_bytes(tmp_path))), max_pixels=100)
    assert caught.value.code == "too_large"


def test_strip_removes_the_position_without_moving_any_byte(tmp_path: Path) -> None:
    plain = video_bytes(tmp_path)
    original = with_position(plain)
    path = saved(tmp_path, original)
    before = decode_recording(str(path), max_pixels=10**6)
    assert strip_recording(path, "video/mp4")
    kept = path.read_bytes()
    assert b"+54.3210-010.0000/" not in kept
    assert len(kept) == len(original)
    after = decode_recording(str(path), max_pixels=10**6)
    assert after == before
    assert not strip_recording(path, "video/webm")


def with_position(video: bytes) -> bytes:
    """Adds a position where phones write it: at the end of ``moov``, which is last here, so no offset changes."""
    at = video.index(b"moov") - 4
    length = struct.unpack(">I", video[at : at + 4])[0]
    assert at + length == len(video), "the movie box must be the last one"
    text = b"+54.3210-010.0000/"
    place = struct.pack(">I4sHH", 12 + len(text), b"\xa9xyz", len(text), 0x15C7) + text
    box = struct.pack(">I4s", 8 + len(place), b"udta") + place
    return video[:at] + struct.pack(">I", length + len(box)) + video[at + 4 :] + box


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\0\1moov", b"\xff\xff\xff\xffmoov", struct.pack(">I4s", 8, b"moov") * 20_000, b"\0\0\0\0moov" * 9],
    ids=["nothing", "cut off", "beyond the end", "very many", "to the end, repeatedly"],
)
def test_malformed_boxes_are_left_unchanged(tmp_path: Path, data: bytes) -> None:
    path = saved(tmp_path, data)
    assert not strip_recording(path, "video/mp4")
    assert path.read_bytes() == data
