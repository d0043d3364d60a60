"""Reads the displayed size of a HEIC or AVIF picture from its first bytes (ISO/IEC 23008-12, 6). Decodes nothing."""

from __future__ import annotations

from app.media.boxes import Box, boxes

FULL = 4  # version and flags at the beginning of a full box
ITEM_REFERENCE = 0x7FFF


def heif_size(data: bytes) -> tuple[int, int] | None:
    """Returns (width, height) of the primary picture, cropped and turned as its properties say; None if the bytes do
    not contain it. Raises IndexError if they end within a property.
    """
    meta = _child(data, b"meta", 0, len(data))
    if meta is None:
        return None
    inside = meta.body + FULL, meta.end
    primary, properties = _child(data, b"pitm", *inside), _child(data, b"iprp", *inside)
    if primary is None or properties is None:
        return None
    wide = data[primary.body] > 0
    item = _number(data, primary.body + FULL, 4 if wide else 2)
    kept = _child(data, b"ipco", properties.body, properties.end)
    all_of_them = list(boxes(data, kept.body, kept.end)) if kept is not None else []
    size = None
    for index in _indices(data, properties, item):
        if 0 < index <= len(all_of_them):
            size = _applied(data, all_of_them[index - 1], size)
    return size


def _applied(data: bytes, box: Box, size: tuple[int, int] | None) -> tuple[int, int] | None:
    if box.name == b"ispe":
        return _number(data, box.body + FULL, 4), _number(data, box.body + FULL + 4, 4)
    if box.name == b"irot" and size is not None and data[box.body] & 1:  # a quarter or three quarters
        return size[1], size[0]
    if box.name == b"clap" and size is not None:
        width, by_width, height, by_height = (_number(data, box.body + 4 * n, 4) for n in range(4))
        if by_width and by_height:
            return width // by_width, height // by_height
    return size


def _indices(data: bytes, properties: Box, item: int) -> list[int]:
    """Returns the numbers of the item's properties, counted from 1, in the order in which they apply."""
    table = _child(data, b"ipma", properties.body, properties.end)
    if table is None:
        return []
    id_bytes, index_bytes = (4 if data[table.body] else 2), (2 if data[table.body + 3] & 1 else 1)
    at = table.body + FULL + 4
    for _ in range(_number(data, at - 4, 4)):
        found, count = _number(data, at, id_bytes), _number(data, at + id_bytes, 1)
        at += id_bytes + 1
        if found == item:
            mask = ITEM_REFERENCE if index_bytes == 2 else 0x7F
            return [_number(data, at + index_bytes * n, index_bytes) & mask for n in range(count)]
        at += index_bytes * count
    return []


def _child(data: bytes, name: bytes, at: int, end: int) -> Box | None:
    return next((box for box in boxes(data, at, end) if box.name == name), None)


def _number(data: bytes, at: int, length: int) -> int:
    if at + length > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + length], "big")
