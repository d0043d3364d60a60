"""A file in a worker's hands: made fit to be shown, and looked at. Decodes hostile bytes, so it is called in a process
of its own (inspect_in_subprocess.py), which loads the decoders that it needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.media.image_info import ImageInfo, UnreadableError
from app.media.sniff import HEAD_BYTES, Kind, Sniffed, sniff
from app.media.strip import strip
from app.media.strip_recording import strip_recording


class Inspected(NamedTuple):
    """``rewritten``: the file holds something else now than what came."""

    content_type: str
    kind: Kind
    bytes: int
    rewritten: bool
    looks: ImageInfo | None = None
    seconds: float | None = None
    waveform: list[int] | None = None


def sniff_again(path: Path, claimed: str) -> Sniffed:
    """What a direct upload is, which nobody looked at before. Raise UnsupportedMedia."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES), claimed)


def inspect(path: Path, content_type: str, kind: Kind, *, max_pixels: int) -> Inspected:
    """Takes out of the file, in its place, what tells where it was made. Raise UnreadableError where it cannot be
    shown; a file of no such kind is left as it is."""
    if kind == "image":
        return _image(path, content_type, max_pixels)
    if kind == "file":
        return Inspected(content_type, kind, path.stat().st_size, False)
    return _recording(path, content_type, kind, max_pixels)


def _image(path: Path, content_type: str, max_pixels: int) -> Inspected:
    from app.media.pictures import decode_image  # noqa: PLC0415

    came = path.read_bytes()
    try:
        kept = strip(came, content_type)
    except (ValueError, IndexError, KeyError) as error:
        raise UnreadableError("unreadable") from error
    looks = decode_image(kept, max_pixels=max_pixels)
    if kept != came:
        path.write_bytes(kept)
    return Inspected(content_type, "image", len(kept), kept != came, looks)


def _recording(path: Path, content_type: str, kind: Kind, max_pixels: int) -> Inspected:
    from app.media.recordings import play  # noqa: PLC0415

    rewritten = strip_recording(path, content_type)
    recording = play(str(path), max_pixels=max_pixels)
    if recording.looks is None:  # a video without a picture is a sound
        content_type, kind = content_type.replace("video/", "audio/", 1), "audio"
    size = path.stat().st_size
    return Inspected(content_type, kind, size, rewritten, recording.looks, recording.seconds, recording.waveform)
