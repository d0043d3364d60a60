# ruff: noqa: E501 - a table: one case a line
"""Group 7: the closing handshake (5.5.1, 7.1, 7.4)."""

from __future__ import annotations

from tests.conformance.cases.case import Case, Event, case
from tests.conformance.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, close, frame

NORMAL: Event = (CLOSE, b"\x03\xe8")
HELLO: Event = (TEXT, b"Hello")
VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
INVALID_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 5001, 65535)


def _order() -> list[Case]:
    """Everything after a close frame is ignored."""
    done = close(1000)
    long = (TEXT, b"*" * 65536)
    return [
        case("7.1.1", "message, then close", frame(*HELLO), done, events=[HELLO, NORMAL]),
        case("7.1.2", "two closes", done, done, events=[NORMAL]),
        case("7.1.3", "ping after close", done, frame(PING, b"late"), events=[NORMAL]),
        case("7.1.4", "text after close", done, frame(*HELLO), events=[NORMAL]),
        case("7.1.5", "close between fragments, then the rest", frame(TEXT, b"a", fin=False), done, frame(CONTINUATION, b"b"), events=[NORMAL]),
        case("7.1.6", "64 KiB, close, ping", frame(*long), done, frame(PING), events=[long, NORMAL]),
        case("7.1.7", "a broken frame after close", done, frame(BINARY, b"x", rsv=7, mask=False), events=[NORMAL]),
        case("7.1.8", "close octet by octet", frame(*HELLO), done, events=[HELLO, NORMAL], read=1),
        case("7.1.9", "ping, then close", frame(PING, b"p"), done, events=[(PING, b"p"), NORMAL]),
    ]  # fmt: skip


def _payloads() -> list[Case]:
    reason = b"r" * 123
    polite = "à bientôt".encode()
    return [
        case("7.3.1", "close without payload", frame(CLOSE), events=[(CLOSE, b"")]),
        case("7.3.2", "close of one byte", frame(CLOSE, b"\x03"), failure=1002),
        case("7.3.3", "close with a code", close(1000), events=[NORMAL]),
        case("7.3.4", "close with code and reason", close(1000, polite), events=[(CLOSE, b"\x03\xe8" + polite)]),
        case("7.3.5", "reason of 123 bytes", close(1000, reason), events=[(CLOSE, b"\x03\xe8" + reason)]),
        case("7.3.6", "reason of 124 bytes", close(1000, reason + b"r"), failure=1002, known=2),
        case("7.5.1", "reason that is not UTF-8", close(1000, b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80"), failure=1007),
        case("7.5.2", "reason cut inside a character", close(1000, b"\xe2\x82"), failure=1007),
        case("7.5.3", "reason of impossible bytes", close(3000, b"\xff"), failure=1007),
    ]  # fmt: skip


def _codes() -> list[Case]:
    good = [
        case(f"7.7.{code}", f"code {code}", close(code), events=[(CLOSE, code.to_bytes(2, "big"))])
        for code in VALID_CODES
    ]
    bad = [case(f"7.9.{code}", f"code {code}", close(code), failure=1002) for code in INVALID_CODES]
    reasoned = [
        case(f"7.10.{code}", f"code {code} with a reason", close(code, b"no"), failure=1002) for code in INVALID_CODES
    ]
    return good + bad + reasoned


CASES = (*_order(), *_payloads(), *_codes())
