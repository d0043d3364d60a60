"""Connections write whole blocks in order, are bounded, pause for named reasons, and end exactly once."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.transports import connection as connection_module
from app.transports import farewell
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits, PauseReason
from app.transports.flusher import Flusher
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE
from tests.twins.scripted_socket import ScriptedSocket, socket_pair

WIDE = Limits(blocks=1000, bytes_=1_000_000, stall_seconds=10.0)


class Owner:
    def __init__(self) -> None:
        self.read = b""
        self.drains = self.overflows = self.closes = 0

    def received(self, data: bytes) -> None:
        self.read += data

    def drained(self) -> None:
        self.drains += 1

    def overflowed(self) -> None:
        self.overflows += 1

    def on_closed(self) -> None:
        self.closes += 1


class Pair:
    def __init__(self, near: ScriptedSocket, far: socket.socket, limits: Limits) -> None:
        self.near, self.far = near, far
        self.owner = Owner()
        self.connection = Connection(near, self.owner, Flusher(), limits)
        self.arrived = b""
        self.ended = False

    def read(self) -> None:
        try:
            while not self.ended:
                data = self.far.recv(65536)
                self.arrived += data
                self.ended = not data
        except BlockingIOError:
            pass

    def until(self, ready: Callable[[], bool]) -> None:
        with gevent.Timeout(PATIENCE, AssertionError("it does not happen")):
            while not ready():
                gevent.sleep(0)
                self.read()


@contextmanager
def connected(room: list[int] | None = None, limits: Limits = WIDE) -> Iterator[Pair]:
    with socket_pair(room or []) as (near, far):
        pair = Pair(near, far, limits)
        yield pair
        pair.connection.abort()


def block(number: int, size: int) -> bytes:
    return f"<{number}:".encode() + b"x" * size + b">"


def control(number: int) -> bytes:
    return f"[{number}]".encode()


ACTS = st.lists(st.one_of(st.tuples(st.just("block"), st.integers(0, 200)), st.sampled_from(["control", "yield"])))


@given(acts=ACTS, room=st.lists(st.integers(0, 150), max_size=15), joined=st.integers(1, 200))
@settings(max_examples=80, deadline=None)
def test_blocks_arrive_whole_and_in_order_however_little_the_kernel_takes(
    acts: list[Any], room: list[int], joined: int
) -> None:
    play(acts, room, joined)


@in_own_hub
def play(acts: list[Any], room: list[int], joined: int) -> None:
    blocks, controls, numbers = [], [], itertools.count()
    with pytest.MonkeyPatch.context() as patch, connected(room) as pair:
        patch.setattr(connection_module, "WRITE_BYTES", joined)
        for act in acts:
            if act == "yield":
                gevent.sleep(0)
            elif act == "control":
                controls.append(control(next(numbers)))
                pair.connection.send_control(controls[-1])
            else:
                blocks.append(block(next(numbers), act[1]))
                pair.connection.send(blocks[-1])
        expected = sum(map(len, blocks + controls))
        pair.until(lambda: len(pair.arrived) == expected)
        check_blocks(pair.arrived, blocks, controls)
        assert pair.connection.waiting == 0
        assert not pair.connection.stalled_since
        assert pair.owner.drains >= bool(expected)


def check_blocks(arrived: bytes, blocks: list[bytes], controls: list[bytes]) -> None:
    """Takes the expected blocks from the front, one by one. Control blocks may stand between any two others."""
    blocks, controls = list(blocks), list(controls[-connection_module.MAX_CONTROL :])
    while arrived:
        queue = blocks if arrived.startswith(b"<") else controls
        assert queue, arrived[:20]
        assert arrived.startswith(queue[0]), (arrived[:20], queue[0][:20])
        arrived = arrived[len(queue.pop(0)) :]
    assert blocks == controls == []


@in_own_hub
def test_everything_of_one_iteration_leaves_in_one_write() -> None:
    with connected() as pair:
        for number in range(50):
            pair.connection.send(block(number, 10))
        pair.until(lambda: pair.owner.drains == 1)
        assert len(pair.near.writes) == 1


@in_own_hub
def test_control_block_overtakes_what_waits_but_not_a_block_that_is_partly_written() -> None:
    with connected([5, 0]) as pair:
        pair.connection.send(block(1, 20))
        gevent.sleep(0)
        pair.connection.send(block(2, 20))
        pair.connection.send_control(control(3))
        expected = block(1, 20) + control(3) + block(2, 20)
        pair.until(lambda: len(pair.arrived) == len(expected))
        assert pair.arrived == expected


@in_own_hub
def test_newest_control_blocks_replace_the_oldest() -> None:
    with connected() as pair:
        sent = [control(number) for number in range(connection_module.MAX_CONTROL + 3)]
        for one in sent:
            pair.connection.send_control(one)
        pair.until(lambda: pair.owner.drains == 1)
        pair.read()
        assert pair.arrived == b"".join(sent[3:])


@pytest.mark.parametrize("limits", [Limits(3, 1_000_000, 10.0), Limits(1000, 100, 10.0)], ids=["blocks", "bytes"])
@in_own_hub
def test_slow_reader_is_reported_at_the_bound_and_gets_only_the_last_word(limits: Limits) -> None:
    with connected(limits=limits) as pair:
        for number in range(4):
            pair.connection.send(block(number, 30))
        assert pair.owner.overflows == 1
        pair.connection.close(b"bye", discard=True)
        pair.connection.send(b"too late")
        pair.until(lambda: pair.ended)
        assert pair.arrived == b"bye"


@in_own_hub
def test_reader_that_takes_nothing_is_stalled_and_no_longer_once_it_reads() -> None:
    with connected([0]) as pair:
        pair.connection.send(b"x")
        gevent.sleep(0)
        since = pair.connection.stalled_since
        assert since
        assert not pair.connection.stalled(since + 9.0)
        assert pair.connection.stalled(since + 11.0)
        pair.until(lambda: pair.arrived == b"x")
        assert not pair.connection.stalled(since + 11.0)


@in_own_hub
def test_reading_goes_on_when_every_reason_to_pause_is_gone() -> None:
    with connected() as pair:
        for reason in PauseReason:
            pair.connection.pause_reading(reason)
        pair.far.send(b"hello")
        for reason in PauseReason:
            gevent.idle()
            assert pair.owner.read == b""
            pair.connection.resume_reading(reason)
        pair.until(lambda: pair.owner.read == b"hello")
        pair.connection.resume_reading(PauseReason.UNANSWERED)  # twice does no harm
        pair.connection.pause_reading(PauseReason.UNANSWERED)
        pair.far.send(b"again")
        gevent.idle()
        assert pair.owner.read == b"hello"


@in_own_hub
def test_close_writes_what_waits_and_ends_when_the_peer_does() -> None:
    with connected([2, 0, 1]) as pair:
        pair.connection.send(b"first")
        pair.connection.close(b"last")
        assert not pair.connection.is_open
        pair.until(lambda: pair.ended)
        assert pair.arrived == b"firstlast"
        pair.far.send(b"ignored")
        gevent.sleep(0)
        assert (pair.owner.closes, pair.owner.read) == (0, b"")
        pair.far.close()
        wait_closed(pair)
        pair.connection.abort()
        pair.connection.close()
        assert pair.owner.closes == 1


def wait_closed(pair: Pair) -> None:
    with gevent.Timeout(PATIENCE):
        while not pair.owner.closes:
            gevent.sleep(0)


@in_own_hub
def test_peer_that_never_ends_its_side_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewell, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(farewell, "QUIET_SECONDS", 0.01)
    with connected() as pair:
        pair.connection.close(b"bye")
        pair.until(lambda: pair.owner.closes == 1)
        assert pair.arrived == b"bye"


@in_own_hub
def test_peer_that_vanishes_ends_the_connection_once() -> None:
    with connected([3, 0]) as pair:
        pair.connection.send(b"never arrives whole")
        gevent.sleep(0)
        pair.far.close()
        wait_closed(pair)
        pair.connection.send(b"more")
        pair.connection.send_control(b"more")
        gevent.idle()
        assert pair.owner.closes == 1
        assert not pair.connection.is_open
