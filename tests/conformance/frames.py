"""Client frames byte by byte, valid or deliberately invalid, built without the codec under test."""

from __future__ import annotations

from itertools import cycle
from operator import xor

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"\x37\xfa\x21\x3d"  # from the examples in section 5.7


def masked(payload: bytes, key: bytes) -> bytes:
    """Masks as section 5.3 says, literally."""
    return bytes(map(xor, payload, cycle(key)))


def header(
    opcode: int,
    size: int,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    length_bytes: int | None = None,
) -> bytes:
    """Returns the header up to the masking key. ``length_bytes`` 0, 2 or 8 forces the form of the length."""
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 1 << 16 else 8
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    first = fin << 7 | rsv << 4 | opcode
    return bytes((first, mask << 7 | short)) + (size.to_bytes(length_bytes, "big") if length_bytes else b"")


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    length_bytes: int | None = None,
    key: bytes = KEY,
) -> bytes:
    """Returns a whole frame; by default final, masked and with the shortest length."""
    start = header(opcode, len(payload), fin=fin, rsv=rsv, mask=mask, length_bytes=length_bytes)
    return start + (key + masked(payload, key) if mask else payload)


def fragments(opcode: int, *payloads: bytes) -> list[bytes]:
    """Returns the frames of one message, one fragment per payload."""
    last = len(payloads) - 1
    return [
        frame(opcode if number == 0 else CONTINUATION, payload, fin=number == last)
        for number, payload in enumerate(payloads)
    ]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def pieces(stream: bytes, size: int) -> list[bytes]:
    """Returns the stream in reads of ``size`` bytes; 0: in one."""
    step = size or max(1, len(stream))
    return [stream[start : start + step] for start in range(0, len(stream), step)]
