"""Keys that arrive during a call go together into the next one, each once and in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.coalescer import Coalescer


def test_single_key_goes_at_once_and_alone() -> None:
    calls: list[list[str]] = []
    keys = Coalescer(calls.append, run_blocking=lambda run: run(), at_once=3)
    keys.add("a")
    keys.add("b")
    assert calls == [["a"], ["b"]]


@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_keys_of_a_busy_time_go_together_in_order(later: list[int], at_once: int) -> None:
    calls: list[list[int]] = []

    def act(keys: list[int]) -> None:
        calls.append(keys)
        while later:
            coalescer.add(later.pop(0))

    expected = [99, *later]
    coalescer = Coalescer(act, run_blocking=lambda run: run(), at_once=at_once)
    coalescer.add(99)
    assert [key for call in calls for key in call] == expected
    assert [len(call) for call in calls[1:-1]] == [at_once] * (len(calls) - 2)
    assert all(1 <= len(call) <= at_once for call in calls)


def test_call_that_fails_does_not_stop_the_next_ones(caplog: pytest.LogCaptureFixture) -> None:
    waiting: list[Callable[[], None]] = []
    calls: list[list[int]] = []

    def act(keys: list[int]) -> None:
        calls.append(keys)
        if len(calls) == 1:
            raise ValueError("a bug")

    coalescer = Coalescer(act, run_blocking=waiting.append, at_once=2)
    for key in range(3):
        coalescer.add(key)
    (run,) = waiting
    run()
    assert calls == [[0, 1], [2]]
    assert "a call with 2 keys failed" in caplog.text
    coalescer.add(3)
    assert len(waiting) == 2
