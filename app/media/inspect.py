"""Strips the metadata of a media file and decodes it for its size, preview, duration or waveform.

It decodes hostile bytes. Workers therefore run it in a subprocess (inspect_in_subprocess.py), which loads only the
decoders that it needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.media.image_info import ImageInfo, UnreadableError
from app.media.signatures import HEAD_BYTES
from app.media.sniff import CONVERTED, UNKNOWN, Kind, Sniffed, sniff
from app.media.strip import strip
from app.media.strip_recording import strip_recording

# Containers of sound that may have a video track.
_WITH_VIDEO = {"audio/webm", "audio/mp4", "audio/ogg"}


class Inspected(NamedTuple):
    """``rewritten``: the file changed. ``image``: of an image, or of a video's poster."""

    content_type: str
    kind: Kind
    bytes: int
    rewritten: bool
    image: ImageInfo | None = None
    seconds: float | None = None
    waveform: list[int] | None = None


def sniff_again(path: Path, claimed: str) -> Sniffed:
    """Returns the type of a direct upload, whose bytes no process of ours has read yet."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES), claimed)


def inspect(path: Path, content_type: str, kind: Kind, *, max_pixels: int) -> Inspected:
    """Removes the position and other metadata from the file, in place, and decodes it. Converts HEIC and AVIF.

    A file of kind ``file`` stays as it is. A recording that cannot be decoded becomes one. Raises UnreadableError if an
    image cannot be shown, because its metadata may remain, or if a file is too large to be decoded.
    """
    if kind == "image":
        return _image(path, content_type, max_pixels)
    if kind == "file":
        return Inspected(content_type, kind, path.stat().st_size, False)
    return _recording(path, content_type, kind, max_pixels)


def _image(path: Path, content_type: str, max_pixels: int) -> Inspected:
    from app.media.pictures import decode_image  # noqa: PLC0415

    original = image = path.read_bytes()
    if content_type in CONVERTED:
        from app.media.convert import convert  # noqa: PLC0415

        image, content_type = convert(original, content_type, max_pixels=max_pixels)
    try:
        stripped = strip(image, content_type)
    except (ValueError, IndexError, KeyError) as error:
        raise UnreadableError("unreadable") from error
    looks = decode_image(stripped, max_pixels=max_pixels)
    if stripped != original:
        path.write_bytes(stripped)
    return Inspected(content_type, "image", len(stripped), stripped != original, looks)


def _recording(path: Path, content_type: str, kind: Kind, max_pixels: int) -> Inspected:
    from app.media.recordings import decode_recording  # noqa: PLC0415

    rewritten = strip_recording(path, content_type)
    size = path.stat().st_size
    try:
        recording = decode_recording(str(path), max_pixels=max_pixels)
    except UnreadableError as error:
        if error.code != "unreadable":
            raise
        return Inspected(UNKNOWN, "file", size, rewritten)
    if recording.poster is None or content_type in _WITH_VIDEO:  # the tracks decide, not the container's usual content
        kind = "audio" if recording.poster is None else "video"
        content_type = f"{kind}/{content_type.partition('/')[2]}"
    return Inspected(content_type, kind, size, rewritten, recording.poster, recording.seconds, recording.waveform)
