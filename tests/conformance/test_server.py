"""The conformance cases over TCP against the running server.

The server is an application, not an echo server. The texts of these cases are no commands, so each gets one ``error``
event and the session stays open, until ten in a row close it with 1008. A binary message closes it with 1003. Whenever
the server ends a session, its last frame has the code, and then it closes the connection (7.1.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from tests.conformance.cases import CASES
from tests.conformance.cases.case import Case
from tests.conformance.frames import BINARY, CLOSE, PING, PONG, TEXT, close, frame
from tests.conformance.wire import Wire, close_code, frames_of
from tests.support.processes import Stack

pytestmark = pytest.mark.conformance

BAD_FRAMES = 10
PROBE = b"still there?"

# The cases are sent before a join, and some of them are large or in a thousand fragments.
STACK = {"env": {"EARLY_FRAME_BYTES": "65536", "EXTRA_FRAMES": "100000"}}


@dataclass
class Expected:
    """The answers that the server must send to the stream, and how much of the stream ends it."""

    texts: int = 0
    pongs: tuple[bytes, ...] = ()
    end: int | None = None
    send: int = 0


def expected_of(case: Case) -> Expected:
    result = Expected(send=case.known_after if case.failure else len(case.stream))
    for number, (opcode, payload) in enumerate(case.events):
        if opcode == PING:
            result.pongs += (payload,)
        elif opcode == CLOSE:
            result.end = close_code(payload)
        elif opcode == BINARY:
            result.end = 1003
        elif opcode == TEXT:
            result.texts += 1
            result.end = 1008 if result.texts == BAD_FRAMES else None
        if result.end:
            result.send = end_of_event(case, number) if opcode != CLOSE else len(case.stream)
            return result
    result.end = case.failure
    return result


def end_of_event(case: Case, number: int) -> int:
    """Returns the end of the frame that completes event ``number``.

    Nothing after it is sent, because the server has closed by then.
    """
    ends = [end for first, end in frames_of(case.stream) if first & 0x80]
    return ends[number]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id} {case.title}")
def test_server_answers_as_the_rfc_requires(server: Stack, case: Case) -> None:
    expected = expected_of(case)
    with Wire(server.base_url).open() as wire:
        wire.send(case.stream[: expected.send], case.read)
        if expected.end is None:
            wire.send(frame(PING, PROBE))
            wire.wait_for(PONG, len(expected.pongs) + 1)
            wire.wait_for(TEXT, expected.texts)
            wire.send(close(1000))
        frames = wire.read_to_the_end()
    pongs = [*expected.pongs, PROBE] if expected.end is None else [*expected.pongs]
    assert wire.of(PONG) == pongs
    assert [json.loads(text)["event"] for text in wire.of(TEXT)] == [event_for(case)] * expected.texts
    assert wire.of(BINARY) == []
    assert frames[-1][0] == CLOSE
    assert close_code(frames[-1][1]) in codes_for(expected.end)


def event_for(case: Case) -> str:
    """The only command among the cases is a ping."""
    return "pong" if (TEXT, b'{"event":"ping"}') in case.events else "error"


def codes_for(end: int | None) -> tuple[int, ...]:
    """A close without a code may be answered by one without or by 1000 (section 5.5.1 echoes "typically")."""
    return (1005, 1000) if end == 1005 else (end or 1000,)


def test_bad_message_gets_its_code_and_the_session_stays_open(server: Stack) -> None:
    with Wire(server.base_url).open() as wire:
        for text in (
            b"",
            b"not json",
            b"[]",
            b"null",
            b'"text"',
            b"{}",
            b'{"event":1}',
            b'{"event":"no_such"}',
            b"{" * 9000,
        ):
            wire.send(frame(TEXT, text))
        wire.wait_for(TEXT, 9)
        wire.send(frame(TEXT, b'{"event":"ping","data":{},"ref":"r1"}'))
        wire.wait_for(TEXT, 10)
        answers = [json.loads(text) for text in wire.of(TEXT)]
    assert [answer["event"] for answer in answers] == ["error"] * 9 + ["pong"]
    assert {answer["data"]["code"] for answer in answers[:9]} == {"invalid"}
    assert answers[-1]["ref"] == "r1"


def test_good_message_resets_the_count_of_bad_ones(server: Stack) -> None:
    with Wire(server.base_url).open() as wire:
        for _ in range(3):
            wire.send(frame(TEXT, b"bad") * 9 + frame(TEXT, b'{"event":"ping","data":{}}'))
        wire.wait_for(TEXT, 30)
        wire.send(frame(TEXT, b"bad") * 10)
        frames = wire.read_to_the_end()
    assert close_code(frames[-1][1]) == 1008
    assert len(wire.of(TEXT)) == 40


def test_pings_are_answered_in_order_between_commands(server: Stack) -> None:
    pings = [b"%d" % number for number in range(30)]
    with Wire(server.base_url).open() as wire:
        wire.send(b"".join(frame(PING, ping) + frame(TEXT, b'{"event":"ping","data":{}}') for ping in pings), read=7)
        wire.wait_for(PONG, 30)
        wire.wait_for(TEXT, 30)
    assert wire.of(PONG) == pings


def test_client_that_vanishes_without_a_close_does_no_harm(server: Stack) -> None:
    for stream in (b"", b"\x81", frame(TEXT, b"x" * 500)[:200], frame(TEXT, b"x", fin=False)):
        with Wire(server.base_url).open() as wire:
            wire.send(stream)
    with Wire(server.base_url).open() as wire:
        wire.send(frame(PING, PROBE))
        wire.wait_for(PONG, 1)
