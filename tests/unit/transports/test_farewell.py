"""A closing connection stays while the peer takes its bytes, within a bound."""

from __future__ import annotations

import time

import pytest

from app.transports import farewell
from app.transports.farewell import Farewell
from tests.support.own_hub import in_own_hub


class Peer:
    def __init__(self) -> None:
        self.unsent = 1000
        self.aborts = 0

    def count(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborts += 1


def check(peer: Peer, watch: Farewell, now: float, taken: int) -> int:
    peer.unsent -= taken
    watch.check(now)
    return peer.aborts


@pytest.mark.parametrize("taken", [0, 100])
@in_own_hub
def test_only_a_peer_without_progress_is_cut_after_the_quiet_time(taken: int) -> None:
    peer, now = Peer(), time.monotonic()
    watch = Farewell(peer.count, peer.abort)
    half = farewell.QUIET_SECONDS * 0.6
    assert check(peer, watch, now + half, taken) == 0
    assert check(peer, watch, now + 2 * half, taken) == (0 if taken else 1)
    watch.end()


@in_own_hub
def test_even_a_peer_with_progress_is_cut_at_the_longest_time() -> None:
    peer, now = Peer(), time.monotonic()
    watch = Farewell(peer.count, peer.abort)
    steps = int(farewell.MAX_SECONDS)
    assert [check(peer, watch, now + step, 1) for step in range(steps)] == [0] * steps
    assert check(peer, watch, now + farewell.MAX_SECONDS + 1, 1) == 1
    watch.end()
