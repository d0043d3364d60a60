"""Removes identifying metadata, such as position and author, from an image. It does not decode: no pixel changes.

Everything that affects the display stays: the colour profile, and the orientation in a new EXIF block. The rest is
removed: EXIF with its position and thumbnail, XMP, IPTC, comments and texts. Raises ValueError if the file does not
follow its format.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from app.media.image_size import exif_orientation

_ONLY_ORIENTATION = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0%b\0\0\0\0\0\0\0"
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Ancillary chunks that affect the display or belong to an animation.
_PNG_KEPT = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT", b"cICP"}
_JFIF, _ICC, _ADOBE = 0xE0, 0xE2, 0xEE
# Within a scan, 0xFF is followed by 0 or by a restart marker. Any other byte ends the scan.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)


def strip(data: bytes, content_type: str) -> bytes:
    return _STRIPPERS[content_type](data)


def _exif(orientation: int) -> bytes:
    return _ONLY_ORIENTATION % bytes([orientation])


def _jpeg(data: bytes) -> bytes:
    orientation, kept = 1, []
    at = 2
    while True:
        marker, end = _segment(data, at)
        if marker == 0xDA:
            break
        body = data[at + 4 : end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body[6:])
        if _affects_display(marker, body):
            kept.append(data[at:end])
        at = end
    turned = b""
    if orientation != 1:
        block = b"Exif\0\0" + _exif(orientation)
        turned = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    return data[:2] + turned + b"".join(kept) + _scans(data, at)


def _affects_display(marker: int, body: bytes) -> bool:
    """Returns True for tables, and of the application segments only for JFIF, Adobe and the colour profile."""
    if marker == _ICC:
        return body.startswith(b"ICC_PROFILE\0")
    return marker in (_JFIF, _ADOBE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _segment(data: bytes, at: int) -> tuple[int, int]:
    """Returns the marker and the end of the segment at ``at``."""
    while data[at : at + 2] == b"\xff\xff":
        at += 1
    if len(data) < at + 4 or data[at] != 0xFF:
        raise ValueError("not a JPEG segment")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    if end > len(data) or end < at + 4:
        raise ValueError("JPEG segment extends past the end of the file")
    return data[at + 1], end


def _scans(data: bytes, at: int) -> bytes:
    """Returns the image data up to its end marker. Appended data (a video, a second picture with its own EXIF block)
    is dropped."""
    begin = at
    while True:
        _, end = _segment(data, at)
        found = _MARKER.search(data, end)
        if found is None:
            raise ValueError("JPEG without an end marker")
        at = found.start()
        if data[at + 1] == 0xD9:
            return data[begin : at + 2]
        while data[at + 1] != 0xDA:  # tables before the next scan
            _, at = _segment(data, at)


def _png(data: bytes) -> bytes:
    orientation = 1
    kept: list[bytes] = []
    for name, body, whole in _png_chunks(data):
        if name == b"eXIf":
            orientation = exif_orientation(body)
        elif name[:1].isupper() or name in _PNG_KEPT:
            kept.append(whole)
    if orientation != 1:
        body = b"eXIf" + _exif(orientation)
        kept.insert(1, struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))
    return _PNG_SIGNATURE + b"".join(kept)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    at = len(_PNG_SIGNATURE)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise ValueError("PNG chunk extends past the end of the file")
        yield name, data[at + 8 : at + 8 + length], data[at:end]
        if name == b"IEND":
            return
        at = end
    raise ValueError("PNG without an end chunk")


def _webp(data: bytes) -> bytes:
    kept: list[bytes] = []
    orientation = 1
    for name, body, whole in _riff_chunks(data):
        if name == b"EXIF":
            orientation = exif_orientation(body.removeprefix(b"Exif\0\0"))
        elif name == b"VP8X":
            kept.append(whole[:8] + bytes([body[0] & ~0x0C]) + whole[9:])  # clears the EXIF and XMP flags
        elif name in (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"):
            kept.append(whole)
    if orientation != 1 and kept and kept[0].startswith(b"VP8X"):
        kept[0] = kept[0][:8] + bytes([kept[0][8] | 0x08]) + kept[0][9:]
        block = _exif(orientation)
        kept.append(b"EXIF" + struct.pack("<I", len(block)) + block)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    at, last = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= last:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if at + 8 + length > len(data):
            raise ValueError("WebP chunk extends past the end of the file")
        yield data[at : at + 4], data[at + 8 : at + 8 + length], data[at:end].ljust(end - at, b"\0")
        at = end


GIF_PICTURE, _GIF_TRAILER = 0x2C, 0x3B
_GIF_COMMENT, _GIF_TEXT, _GIF_APPLICATION, _GIF_CONTROL = 0xFE, 0x01, 0xFF, 0xF9
_GIF_LABELS = frozenset({_GIF_COMMENT, _GIF_TEXT, _GIF_APPLICATION, _GIF_CONTROL})
_GIF_CODE_SIZES = range(1, 9)


class CutOffError(ValueError):
    """The data follows its format, but ends within a block."""


def _gif(data: bytes) -> bytes:
    kept = [data[: 13 + _table_bytes(data[10])]]
    for at, end in gif_blocks(data):
        if data[at] == GIF_PICTURE or _is_kept(data, at):
            kept.append(data[at:end])
    return b"".join(kept) + b";"


def gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Yields where each block begins and ends, up to the trailer. Raises CutOffError, or ValueError for anything that
    is not a block.
    """
    if len(data) < 13:
        raise ValueError("not a GIF header")
    at = 13 + _table_bytes(data[10])
    while at >= len(data) or data[at] != _GIF_TRAILER:
        begin, at = at, _past_blocks(data, _past_block_head(data, at))
        yield begin, at


def _past_block_head(data: bytes, at: int) -> int:
    kind = data[at : at + 1]
    if kind == b"!" and at + 1 < len(data) and data[at + 1] in _GIF_LABELS:
        return at + 2
    if kind == b"," and at + 9 < len(data):
        codes = at + 10 + _table_bytes(data[at + 9])
        if codes < len(data) and data[codes] in _GIF_CODE_SIZES:
            return codes + 1
    raise ValueError("not a GIF block")


def _is_kept(data: bytes, at: int) -> bool:
    """Returns True for extensions with frame delays or the loop count. Comments and texts are removed."""
    label = data[at + 1]
    if label == _GIF_APPLICATION:
        return data[at + 3 : at + 14] in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
    return label not in (_GIF_COMMENT, _GIF_TEXT)


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _past_blocks(data: bytes, at: int) -> int:
    while at < len(data):
        length = data[at]
        at += 1 + length
        if length == 0:
            return at
    raise CutOffError("GIF is cut off")


_STRIPPERS = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp, "image/gif": _gif}
