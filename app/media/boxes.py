"""Reads the boxes of ISO base media files (ISO/IEC 14496-12, 4.2): MP4, MOV, HEIC, AVIF. Decodes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# No device writes files with more boxes beside each other.
MAX_BOXES = 1_000


class Box(NamedTuple):
    name: bytes
    at: int  # of its header
    body: int
    end: int  # may lie beyond the data, if only the head of a file is at hand


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yields the boxes between ``at`` and ``end``, up to the first malformed one."""
    end = len(data) if end is None else min(end, len(data))
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        length, body = int.from_bytes(data[at : at + 4], "big"), at + 8
        if length == 1:
            length, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        last = end if length == 0 else at + length
        if last < body:
            return
        yield Box(data[at + 4 : at + 8], at, body, last)
        at = last
