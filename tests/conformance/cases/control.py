# ruff: noqa: E501 - a table: one case a line
"""Groups 2, pings and pongs (5.5.2, 5.5.3), 3, reserved bits (5.2), and 4, reserved opcodes (5.2, 11.8)."""

from __future__ import annotations

from tests.conformance.cases.case import Case, case
from tests.conformance.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, fragments, frame

ODD_BYTES = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"


def _pings() -> list[Case]:
    ten = [(PING, b"payload-%d" % number) for number in range(10)]
    ten_frames = [frame(*ping) for ping in ten]
    return [
        case("2.1", "ping without payload", frame(PING), events=[(PING, b"")]),
        case("2.2", "ping with text", frame(PING, b"Hello, world!"), events=[(PING, b"Hello, world!")]),
        case("2.3", "ping with bytes that are not UTF-8", frame(PING, ODD_BYTES), events=[(PING, ODD_BYTES)]),
        case("2.4", "ping of 125 bytes", frame(PING, b"\xfe" * 125), events=[(PING, b"\xfe" * 125)]),
        case("2.5", "ping of 126 bytes", frame(PING, b"\xfe" * 126), failure=1002, known=2),
        case("2.6", "ping of 125 bytes octet by octet", frame(PING, b"\xfe" * 125), events=[(PING, b"\xfe" * 125)], read=1),
        case("2.7", "unsolicited pong without payload", frame(PONG), events=[(PONG, b"")]),
        case("2.8", "unsolicited pong with payload", frame(PONG, b"unsolicited"), events=[(PONG, b"unsolicited")]),
        case("2.9", "unsolicited pong, then ping", frame(PONG, b"x"), frame(PING, b"y"), events=[(PONG, b"x"), (PING, b"y")]),
        case("2.10", "ten pings at once", *ten_frames, events=ten),
        case("2.11", "ten pings octet by octet", *ten_frames, events=ten, read=1),
        case("2.12", "pong of 126 bytes", frame(PONG, bytes(126)), failure=1002, known=2),
        case("2.13", "ping with a 16-bit length", frame(PING, b"x", length_bytes=2), failure=1002, known=2),
        case("2.14", "ping with a 64-bit length", frame(PING, b"x", length_bytes=8), failure=1002, known=2),
        case("2.15", "fragmented ping", frame(PING, b"x", fin=False), failure=1002, known=1),
        case("2.16", "fragmented pong", frame(PONG, b"x", fin=False), failure=1002, known=1),
    ]  # fmt: skip


def _reserved_bits() -> list[Case]:
    """Every set of bits on every opcode. Without an extension, all of them fail the connection."""
    hello = (TEXT, b"Hello")
    made = []
    for bits in range(1, 8):
        for opcode in (TEXT, BINARY, CLOSE, PING, PONG):
            bad = frame(opcode, b"\x03\xe8", rsv=bits)
            made.append(case(f"3.{bits}.{opcode}", f"bits {bits:03b}, opcode {opcode}", bad, failure=1002, known=1))
        bad = frame(TEXT, b"x", rsv=bits)
        made += [
            case(f"3.{bits}.20", f"bits {bits:03b} after a message and a ping", frame(*hello), frame(PING, b"p"), bad, events=[hello, (PING, b"p")], failure=1002, known=1),
            case(f"3.{bits}.21", f"bits {bits:03b} octet by octet", frame(*hello), bad, events=[hello], failure=1002, known=1, read=1),
            case(f"3.{bits}.22", f"bits {bits:03b} in a later fragment", frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", rsv=bits), failure=1002, known=1),
        ]  # fmt: skip
    # 4 is RSV1, the bit of permessage-deflate (RFC 7692), which this server never negotiates.
    deflated = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
    made.append(case("3.8.1", '"Hello" compressed', frame(TEXT, deflated, rsv=4), failure=1002, known=1))
    return made


def _reserved_opcodes() -> list[Case]:
    hello = (TEXT, b"Hello")
    made = []
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        group = f"4.{1 if opcode < CLOSE else 2}.{opcode}"
        made += [
            case(f"{group}.1", f"opcode {opcode}, empty", frame(opcode), failure=1002, known=1),
            case(f"{group}.2", f"opcode {opcode}, with payload", frame(opcode, b"payload"), failure=1002, known=1),
            case(f"{group}.3", f"opcode {opcode} after a message", frame(*hello), frame(opcode) + frame(PING), events=[hello], failure=1002, known=1),
            case(f"{group}.4", f"opcode {opcode} after a message, octet by octet", frame(*hello), frame(opcode, b"x"), events=[hello], failure=1002, known=1, read=1),
            case(f"{group}.5", f"opcode {opcode} between two fragments", fragments(TEXT, b"a", b"b")[0], frame(opcode), failure=1002, known=1),
        ]  # fmt: skip
    return made


CASES = (*_pings(), *_reserved_bits(), *_reserved_opcodes())
