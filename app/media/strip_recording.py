"""Removes the position from a phone's video, in place.

The boxes are renamed ``free`` (ISO/IEC 14496-12, 8.1.2) and overwritten with zeros, so no offset into the file
changes. Phones write the position to ``udta`` (©xyz) and ``meta`` of the movie and of its tracks. Files of other
container formats usually have none.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

BOXED = frozenset({"video/mp4", "video/quicktime", "audio/mp4"})
_EMPTIED = (b"udta", b"meta", b"uuid")
_ENTERED = (b"moov", b"trak", b"moof", b"traf")
# No device records files with more boxes, or with deeper ones than _boxes enters.
MAX_BOXES = 10_000


class Box(NamedTuple):
    name: bytes
    at: int  # of its header
    body: int
    end: int


def strip_recording(path: Path, content_type: str) -> bool:
    """Removes the position and returns whether there was one. A malformed file stays as it is; its decoder will refuse
    it."""
    if content_type not in BOXED:
        return False
    with path.open("r+b") as file:
        boxes = [box for box in _boxes(file, 0, path.stat().st_size, depth=0) if box.name in _EMPTIED]
        for box in boxes:
            file.seek(box.at + 4)
            file.write(b"free")
            _blank(file, box.body, box.end)
    return bool(boxes)


def _boxes(file: BinaryIO, at: int, end: int, depth: int) -> Iterator[Box]:
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        body = at + 8
        if length == 1:
            if at + 16 > end:
                return
            length, body = struct.unpack(">Q", file.read(8))[0], at + 16
        last = end if length == 0 else at + length
        if last > end or last < body:
            return
        yield Box(name, at, body, last)
        if name in _ENTERED and depth < 3:
            yield from _boxes(file, body, last, depth + 1)
        at = last


def _blank(file: BinaryIO, at: int, end: int) -> None:
    file.seek(at)
    while at < end:
        at += file.write(bytes(min(65_536, end - at)))
