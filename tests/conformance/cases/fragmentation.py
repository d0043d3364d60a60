# ruff: noqa: E501 - a table: one case a line
"""Groups 5, fragmentation (5.4), and 10, messages that the sender fragments automatically."""

from __future__ import annotations

from tests.conformance.cases.case import Case, Event, case
from tests.conformance.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close,
    fragments,
    frame,
    pieces,
)

ONE, TWO = b"fragment1", b"fragment2"
WHOLE: Event = (TEXT, ONE + TWO)
FIRST, LAST = fragments(TEXT, ONE, TWO)
PINGED: Event = (PING, b"ping payload")


def _allowed() -> list[Case]:
    ping = frame(*PINGED)
    five = fragments(TEXT, *[b"fragment%d" % number for number in range(5)])
    five_whole = (TEXT, b"".join(b"fragment%d" % number for number in range(5)))
    pings = [(PING, b"p%d" % number) for number in range(4)]
    mixed = [
        five[0],
        *[part for ping_, later in zip(pings, five[1:], strict=True) for part in (frame(*ping_), later)],
    ]
    return [
        case("5.3", "text in two fragments", FIRST, LAST, events=[WHOLE]),
        case("5.4", "text in two fragments, a read each", FIRST, LAST, events=[WHOLE], read=len(FIRST)),
        case("5.5", "text in two fragments, octet by octet", FIRST, LAST, events=[WHOLE], read=1),
        case("5.6", "ping between two fragments", FIRST, ping, LAST, events=[PINGED, WHOLE]),
        case("5.7", "ping between two fragments, a frame at a time", FIRST, ping, LAST, events=[PINGED, WHOLE], read=len(FIRST)),
        case("5.8", "ping between two fragments, octet by octet", FIRST, ping, LAST, events=[PINGED, WHOLE], read=1),
        case("5.19", "five fragments with pings between", *mixed, events=[*pings, five_whole]),
        case("5.20", "five fragments with pings between, octet by octet", *mixed, events=[*pings, five_whole], read=1),
        case("5.21", "empty fragments", *fragments(TEXT, b"", b"", b""), events=[(TEXT, b"")]),
        case("5.22", "empty first and last fragment", *fragments(BINARY, b"", b"\xff", b""), events=[(BINARY, b"\xff")]),
        case("5.23", "pong between two fragments", FIRST, frame(PONG, b"x"), LAST, events=[(PONG, b"x"), WHOLE]),
        case("5.24", "a thousand empty fragments", *fragments(TEXT, *[b""] * 1000, b"end"), events=[(TEXT, b"end")]),
        case("5.25", "two fragmented messages in a row", *fragments(TEXT, b"a", b"b"), *fragments(BINARY, b"\1", b"\2"), events=[(TEXT, b"ab"), (BINARY, b"\1\2")]),
        case("5.26", "a whole message after a fragmented one", FIRST, LAST, frame(TEXT, b"x"), events=[WHOLE, (TEXT, b"x")]),
        case("5.27", "close between two fragments", FIRST, close(1000), LAST, events=[(CLOSE, b"\x03\xe8")]),
        case("5.28", "the example of section 5.7", bytes.fromhex("818537fa213d7f9f4d5158"), events=[(TEXT, b"Hello")]),
    ]  # fmt: skip


def _refused() -> list[Case]:
    orphan = frame(CONTINUATION, b"orphan")
    hello = (TEXT, b"Hello")
    return [
        case("5.1", "ping in two fragments", b"".join(fragments(PING, ONE, TWO)), failure=1002, known=1),
        case("5.2", "pong in two fragments", b"".join(fragments(PONG, ONE, TWO)), failure=1002, known=1),
        case("5.9", "continuation of nothing", orphan, failure=1002, known=1),
        case("5.10", "continuation of nothing, before a message", orphan + frame(*hello), failure=1002, known=1),
        case("5.11", "continuation of nothing, octet by octet", orphan, failure=1002, known=1, read=1),
        case("5.12", "unfinished continuation of nothing", frame(CONTINUATION, b"x", fin=False), failure=1002, known=1),
        case("5.13", "the same, octet by octet", frame(CONTINUATION, b"x", fin=False), failure=1002, known=1, read=1),
        case("5.14", "empty continuation of nothing", frame(CONTINUATION), failure=1002, known=1),
        case("5.15", "continuation after a whole message", FIRST, LAST, orphan, events=[WHOLE], failure=1002, known=1),
        case("5.16", "continuation after a message and a ping", frame(*hello), frame(*PINGED), orphan, events=[hello, PINGED], failure=1002, known=1),
        case("5.17", "final continuation of nothing after a message", frame(*hello), orphan, events=[hello], failure=1002, known=1),
        case("5.18", "text inside a fragmented text", FIRST, frame(*hello), failure=1002, known=1),
        case("5.29", "binary inside a fragmented text", FIRST, frame(BINARY, b"x"), failure=1002, known=1),
        case("5.30", "a new fragmented text inside one", FIRST, FIRST, failure=1002, known=1),
        case("5.31", "text inside a fragmented binary, after a ping", frame(BINARY, b"x", fin=False), frame(*PINGED), frame(*hello), events=[PINGED], failure=1002, known=1),
        case("5.32", "close in two fragments", frame(CLOSE, b"\x03\xe8", fin=False), failure=1002, known=1),
    ]  # fmt: skip


def _automatic() -> list[Case]:
    text = b"*" * 65536
    made = []
    for number, size in enumerate((1300, 64, 997, 16384), 1):
        frames = fragments(TEXT, *pieces(text, size))
        made.append(
            case(
                f"10.1.{number}",
                f"64 KiB of text in fragments of {size} bytes",
                *frames,
                events=[(TEXT, text)],
            )
        )
    return made


CASES = (*_allowed(), *_refused(), *_automatic())
