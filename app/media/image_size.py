"""Reads the size of an image from its first bytes. It decodes nothing, so it is safe in a web process."""

from __future__ import annotations

from typing import NamedTuple

from app.media.heif_size import heif_size

# Start-of-frame markers of all codings. 0xC4, 0xC8 and 0xCC lie in the same range but mean something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TRANSPOSED = (5, 6, 7, 8)
ORIENTATION = 0x0112  # the EXIF tag


class Size(NamedTuple):
    """The size as displayed: the EXIF orientation is applied."""

    width: int
    height: int


def image_size(head: bytes, content_type: str) -> Size | None:
    """Returns the size, or None if the first bytes do not contain it."""
    read = _READERS.get(content_type)
    try:
        size = read(head) if read is not None else None
    except IndexError:
        return None  # the data ends within a header
    return size if size is not None and size.width > 0 and size.height > 0 else None


def is_jpeg(head: bytes, full_head: int) -> bool:
    """Returns whether the bytes are segments of a JPEG up to the one with its size. Large metadata may fill a head of
    ``full_head`` bytes; then they are segments as far as it goes.
    """
    try:
        size = _jpeg(head)
    except IndexError:
        return len(head) >= full_head
    return size is not None and size.width > 0 and size.height > 0


def _number(data: bytes, at: int, length: int, order: str = "big") -> int:
    if at + length > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + length], order)  # type: ignore[arg-type]


def _png(head: bytes) -> Size | None:
    return Size(_number(head, 16, 4), _number(head, 20, 4)) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> Size:
    return Size(_number(head, 6, 2, "little"), _number(head, 8, 2, "little"))


def _webp(head: bytes) -> Size | None:
    form = head[12:16]
    if form == b"VP8X":
        return Size(_number(head, 24, 3, "little") + 1, _number(head, 27, 3, "little") + 1)
    if form == b"VP8L":
        bits = _number(head, 21, 4, "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8 ":
        return Size(_number(head, 26, 2, "little") & 0x3FFF, _number(head, 28, 2, "little") & 0x3FFF)
    return None


def _jpeg(head: bytes) -> Size | None:
    at, orientation = 2, 1
    while True:
        while _number(head, at, 1) == 0xFF and _number(head, at + 1, 1) == 0xFF:
            at += 1  # fill bytes
        if head[at] != 0xFF:
            return None
        marker, length = _number(head, at + 1, 1), _number(head, at + 2, 2)
        if marker in _FRAMES:
            width, height = _number(head, at + 7, 2), _number(head, at + 5, 2)
            return Size(height, width) if orientation in _TRANSPOSED else Size(width, height)
        if marker == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            orientation = exif_orientation(head[at + 10 : at + 2 + length])
        if length < 2 or marker == 0xDA:
            return None
        at += 2 + length


def _heif(head: bytes) -> Size | None:
    size = heif_size(head)
    return Size(*size) if size is not None else None


def exif_orientation(tiff: bytes) -> int:
    """Returns the orientation, 1 to 8 (EXIF 2.32, 4.6.4); 1 if the block has none or is malformed."""
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        entries = _number(tiff, 4, 4, order)
        for n in range(min(_number(tiff, entries, 2, order), 512)):
            entry = entries + 2 + 12 * n
            if _number(tiff, entry, 2, order) == ORIENTATION:
                value = _number(tiff, entry + 8, 2, order)
                return value if 1 <= value <= 8 else 1
    except IndexError:
        return 1
    return 1


_READERS = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
    "image/heic": _heif,
    "image/avif": _heif,
}
