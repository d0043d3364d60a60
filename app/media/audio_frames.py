"""Recognises MPEG audio (MP3), AAC and AMR, which have no container, by following their frames.

The 11 bits that begin a frame occur everywhere: UTF-16 text begins with them. Two frames of which the second begins
where the first ends are no accident.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

FRAMES = 4  # that are followed, if the bytes reach so far
LAYER_3, LAYER_2, LAYER_1 = 1, 2, 3
# Kilobits per second by the index in the header (ISO/IEC 11172-3, 2.4.2.3, and 13818-3, 2.4.2.3).
_MPEG1 = {
    LAYER_1: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    LAYER_2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    LAYER_3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_LOW = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG2 = {LAYER_1: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256), LAYER_2: _LOW, LAYER_3: _LOW}
_HERTZ = (44_100, 48_000, 32_000)
# Bytes of an AMR frame after its first one, by the type in it (RFC 4867, 5.3); narrow band and wide band.
_AMR = {b"#!AMR\n": (12, 13, 15, 17, 19, 20, 26, 31, 5), b"#!AMR-WB\n": (17, 23, 32, 36, 40, 46, 50, 58, 60, 5)}
_NO_DATA = 15
_DIVISOR = {3: 1, 2: 2, 0: 4}  # MPEG 1, 2 and 2.5, by the version's bits


def is_mpeg_audio(head: bytes) -> bool:
    return _follows(head, _mpeg_frame)


def is_adts(head: bytes) -> bool:
    return _follows(head, _adts_frame)


def is_amr(head: bytes) -> bool:
    magic = head[: head.find(b"\n") + 1]
    return magic in _AMR and _follows(head, partial(_amr_frame, sizes=_AMR[magic]), len(magic))


def _follows(head: bytes, frame_bytes: Callable[[bytes, int], int | None], at: int = 0) -> bool:
    frames = 0
    while frames < FRAMES and at + 6 <= len(head):
        length = frame_bytes(head, at)
        if length is None:
            return frames > 1 and head.startswith((b"TAG", b"APETAGEX"), at)
        at, frames = at + length, frames + 1
    return frames > 1


def _mpeg_frame(head: bytes, at: int) -> int | None:
    """Returns the length of the frame at ``at``; None if none begins there."""
    if head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = head[at + 1] >> 3 & 3, head[at + 1] >> 1 & 3
    rate, frequency, padding = head[at + 2] >> 4, head[at + 2] >> 2 & 3, head[at + 2] >> 1 & 1
    if version == 1 or layer == 0 or frequency == 3 or rate in (0, 15):
        return None
    bits = (_MPEG1 if version == 3 else _MPEG2)[layer][rate] * 1000
    hertz = _HERTZ[frequency] // _DIVISOR[version]
    if layer == LAYER_1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == LAYER_3 and version != 3 else 144) * bits // hertz + padding


def _adts_frame(head: bytes, at: int) -> int | None:
    """ISO/IEC 14496-3, 1.A.3.2."""
    if head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0 or head[at + 2] >> 2 & 15 > 12:
        return None
    length = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return length if length >= 7 else None


def _amr_frame(head: bytes, at: int, sizes: tuple[int, ...]) -> int | None:
    kind = head[at] >> 3 & 15
    if head[at] & 0x83 or not (kind < len(sizes) or kind == _NO_DATA):
        return None
    return 1 + (0 if kind == _NO_DATA else sizes[kind])
