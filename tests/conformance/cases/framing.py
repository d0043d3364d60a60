# ruff: noqa: E501 - a table: one case a line
"""Group 1, framing (sections 5.2, 5.6), and the mask (5.1, 5.3)."""

from __future__ import annotations

from tests.conformance.cases.case import Case, case
from tests.conformance.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, header

SIZES = (0, 125, 126, 127, 128, 65535, 65536)
CHOPS = (0, 1, 997)


def _sizes(group: str, opcode: int, name: str, unit: bytes) -> list[Case]:
    """Each size in one read, octet by octet, and in reads of 997 bytes."""
    made = []
    for number, size in enumerate(SIZES, 1):
        payload = (unit * (size // len(unit) + 1))[:size]
        for chop in CHOPS:
            way = {0: "in one read", 1: "octet by octet"}.get(chop, f"in reads of {chop} bytes")
            made.append(
                case(
                    f"{group}.{number}.{chop}",
                    f"{name} of {size} bytes {way}",
                    frame(opcode, payload),
                    events=[(opcode, payload)],
                    read=chop,
                )
            )
    return made


def _keys() -> list[Case]:
    keys = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01", b"\x80\0\0\0", b'{"ev')
    payload = b'{"event":"ping"}'
    return [
        case(
            f"1.3.{number}",
            f"masking key {key.hex()}",
            frame(TEXT, payload, key=key),
            events=[(TEXT, payload)],
        )
        for number, key in enumerate(keys, 1)
    ]


def _rests() -> list[Case]:
    """Payload sizes that end at each position of the key."""
    return [
        case(f"1.4.{size}", f"payload of {size} bytes", frame(BINARY, bytes(range(size))), events=[(BINARY, bytes(range(size)))], read=1)
        for size in range(1, 9)
    ]  # fmt: skip


def _unmasked() -> list[Case]:
    opcodes = (TEXT, BINARY, PING, PONG, CLOSE)
    return [
        case(f"1.5.{number}", f"unmasked frame, opcode {opcode}", frame(opcode, b"\x03\xe8", mask=False), failure=1002, known=2)
        for number, opcode in enumerate(opcodes, 1)
    ] + [
        case("1.5.6", "unmasked after a good message", frame(TEXT, b"a"), frame(TEXT, b"b", mask=False), events=[(TEXT, b"a")], failure=1002, known=2),
        case("1.5.7", "unmasked last fragment", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", mask=False), failure=1002, known=2),
    ]  # fmt: skip


def _lengths() -> list[Case]:
    """5.2: "the minimal number of bytes MUST be used to encode the length"; the top bit of 64 MUST be 0."""
    made = []
    for number, (size, form) in enumerate(((0, 2), (5, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)), 1):
        bad = frame(BINARY, bytes(size), length_bytes=form)
        made.append(case(f"1.6.{number}", f"length {size} in {form} bytes", bad, failure=1002, known=2 + form))
        text = frame(TEXT, b"x" * size, length_bytes=form)
        made.append(case(f"1.6.{number}.t", f"text, length {size} in {form} bytes", text, failure=1002, known=2 + form))
    top = header(BINARY, 1 << 63, length_bytes=8)
    return [
        *made,
        case("1.6.8", "64-bit length with its top bit set", top, failure=1002),
        case("1.6.9", "64-bit length of all ones", header(TEXT, (1 << 64) - 1, length_bytes=8), failure=1002),
        case("1.6.10", "a header octet by octet", frame(TEXT, b"a" * 200), events=[(TEXT, b"a" * 200)], read=1),
        case("1.6.11", "64-bit header octet by octet", frame(TEXT, b"a" * 65536), events=[(TEXT, b"a" * 65536)], read=5),
    ]  # fmt: skip


CASES = (
    *_sizes("1.1", TEXT, "text", b"*"),
    *_sizes("1.2", BINARY, "binary", b"\xfe"),
    *_keys(),
    *_rests(),
    *_unmasked(),
    *_lengths(),
)
