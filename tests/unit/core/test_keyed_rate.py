"""Turns of one key: a burst, then the rate. Other keys make no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.keyed_rate import KeyedRate


def test_turns_beyond_the_burst_come_at_the_rate() -> None:
    rate = KeyedRate(10, 3)
    assert [rate.delay("a", 0.0, longest=1.0) for _ in range(6)] == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])
    assert rate.delay("b", 0.0) == 0


def test_refused_turn_costs_nothing() -> None:
    rate = KeyedRate(10, 1)
    assert rate.delay("a", 0.0) == 0
    assert [rate.delay("a", 0.0) for _ in range(3)] == pytest.approx([0.1] * 3)
    assert rate.delay("a", 0.1) == 0


def test_several_turns_at_once() -> None:
    rate = KeyedRate(10, 5)
    assert rate.delay("a", 0.0, turns=5) == 0
    assert rate.next_delay("a", 0.0) == pytest.approx(0.1)
    assert rate.delay("a", 0.0, turns=5) == pytest.approx(0.5)
    assert rate.delay("a", 0.0) == pytest.approx(0.1)
    assert rate.next_delay("b", 0.0) == 0


def test_memory_is_bounded() -> None:
    rate = KeyedRate(1, 1, kept=10)
    for number in range(100):
        rate.delay(str(number), 0.0)
    assert len(rate) == 10


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 20),
)
def test_nobody_gets_more_than_the_burst_and_the_rate(asked: list[tuple[str, float]], rate: int, burst: int) -> None:
    limit = KeyedRate(rate, burst)
    now, taken = 0.0, {"a": 0, "b": 0}
    for who, pause in asked:
        now += pause
        taken[who] += limit.delay(who, now) == 0
        assert taken[who] <= burst + rate * now + 1e-6
