"""The first refusals of a client are given at once, further ones in turns."""

from __future__ import annotations

import time

from app.refusals import AT_ONCE, END_TURNS, LONGEST_SECONDS, Refusals
from tests.support.own_hub import in_own_hub


def seconds_of(act: object) -> float:
    began = time.monotonic()
    act()  # type: ignore[operator]
    return time.monotonic() - began


@in_own_hub
def test_first_refusals_are_given_at_once_and_later_ones_wait() -> None:
    refusals = Refusals(10)
    for _ in range(AT_ONCE):
        refusals.hold("a")
    assert seconds_of(lambda: refusals.hold("a")) >= 0.05
    assert seconds_of(lambda: refusals.wait("a")) >= 0.05


@in_own_hub
def test_ends_count_more_and_nobody_waits_longer_than_the_limit() -> None:
    refusals = Refusals(1)
    for _ in range(AT_ONCE // END_TURNS + 100):
        refusals.note_end("a")
    waited = refusals._rate and refusals._rate.next_delay("a", time.monotonic())
    assert waited is not None
    assert 0 < waited <= LONGEST_SECONDS + 1


@in_own_hub
def test_without_a_limit_nobody_waits() -> None:
    refusals = Refusals(0)
    for _ in range(10_000):
        refusals.note_end("a")
        refusals.hold("a")
        refusals.wait("a")
    assert refusals._rate is None
