"""Decodes sound and video with FFmpeg's libraries (PyAV), in a worker: duration, size, poster image, waveform.

Memory use is one decoded frame plus one number per hundredth of a second of sound.
"""

from __future__ import annotations

import array
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
from av.container import InputContainer
from PIL import Image

from app.media.decode_memory import DECODE_BYTES, bytes_to_decode_video, turn
from app.media.image_info import ImageInfo, UnreadableError
from app.media.image_size import Size
from app.media.pictures import THUMBNAIL_SIDE, image_info_of

POINTS = 64
SAMPLE_RATE = 8000
STEP = SAMPLE_RATE // 100
# Four hours of silence fit into one megabyte, so the waveform covers at most that much of a recording.
MAX_STEPS = 4 * 3600 * 100
# The pixels of real recordings are at most twice as wide as high, or the reverse.
MAX_RATIO = 4
_FAULTS = (av.error.FFmpegError, ValueError, IndexError, MemoryError, OverflowError)


class Recording(NamedTuple):
    """``seconds`` has millisecond precision. Videos have a ``poster``; sounds have a ``waveform``, 64 numbers of 0 to
    100."""

    seconds: float | None
    poster: ImageInfo | None
    waveform: list[int] | None


def decode_recording(path: str, *, max_pixels: int) -> Recording:
    """Decodes a sound or video file. Raises UnreadableError if it has neither a video nor an audio track."""
    try:
        with av.open(path, metadata_errors="ignore") as container:
            assert isinstance(container, InputContainer)  # noqa: S101 - for mypy: opened for reading
            poster = _poster(container, max_pixels) if container.streams.video else None
            seconds = _seconds(container)
        if poster is not None:
            return Recording(seconds, poster, None)
        levels = _levels(path)
    except UnreadableError:
        raise
    except _FAULTS as error:
        raise UnreadableError("unreadable") from error
    if not levels:
        raise UnreadableError("unreadable")
    # A file that was streamed while it was recorded has no duration in its header.
    return Recording(seconds or round(len(levels) * STEP / SAMPLE_RATE, 3), None, _points(levels))


def _seconds(container: InputContainer) -> float | None:
    return round(container.duration / 1_000_000, 3) if container.duration and container.duration > 0 else None


def _poster(container: InputContainer, max_pixels: int) -> ImageInfo | None:
    """Decodes the first frame. Returns None if the only picture is the cover image of a sound."""
    stream = container.streams.video[0]
    if stream.disposition & av.stream.Disposition.attached_pic:
        return None
    needed = bytes_to_decode_video(stream.width, stream.height)
    if stream.width * stream.height > max_pixels or needed > DECODE_BYTES:
        raise UnreadableError("too_large")
    stream.thread_type = "NONE"
    with turn(needed):
        for frame in container.decode(stream):
            size = displayed_size(frame.width, frame.height, stream.sample_aspect_ratio)
            poster = image_info_of(_upright(frame, size))
            return poster._replace(size=Size(*_turned(*size, frame.rotation)))
    raise UnreadableError("unreadable")


def displayed_size(width: int, height: int, pixel: Fraction | None) -> tuple[int, int]:
    """Returns the size of a frame on the screen, where pixels are square. ``pixel`` is the width of a stored pixel
    divided by its height (the sample aspect ratio); None or an absurd one counts as 1.
    """
    if not pixel or pixel == 1 or not 1 / MAX_RATIO <= pixel <= MAX_RATIO:
        return width, height
    return max(1, round(width * pixel)), height


def _turned(width: int, height: int, degrees: int) -> tuple[int, int]:
    return (height, width) if degrees % 180 == 90 else (width, height)


def _upright(frame: av.VideoFrame, size: tuple[int, int]) -> Image.Image:
    """Returns the frame in its displayed shape and no larger than needed for a thumbnail."""
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    if size != image.size:
        scale = min(1, THUMBNAIL_SIDE / max(size))
        image = image.resize((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    return image.rotate(frame.rotation, expand=True) if frame.rotation % 360 else image


def _levels(path: str) -> array.array[int]:
    """Returns the loudest sample of each hundredth of a second, 0 to 32768."""
    levels = array.array("H")
    with av.open(path, metadata_errors="ignore") as container:
        assert isinstance(container, InputContainer)  # noqa: S101 - for mypy: opened for reading
        if not container.streams.audio:
            return levels
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=STEP)
        for frame in container.decode(container.streams.audio[0]):
            for part in resampler.resample(frame):
                samples = array.array("h", bytes(part.planes[0])[: part.samples * 2])
                levels.append(min(32768, max(*samples, -min(samples))))
            if len(levels) >= MAX_STEPS:
                break
    return levels


def _points(levels: array.array[int]) -> list[int]:
    """Returns the loudest level of each 64th of the recording, scaled so that the loudest of all is 100."""
    loudest = max(levels) or 1
    count = len(levels)
    parts = (
        levels[count * n // POINTS : max(count * (n + 1) // POINTS, count * n // POINTS + 1)] for n in range(POINTS)
    )
    return [round(100 * max(part) / loudest) for part in parts]
