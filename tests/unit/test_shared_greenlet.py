"""Functions that share a greenlet begin in order, and none of them waits for one that blocks."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from app.shared_greenlet import SharedGreenlet
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE


@in_own_hub
def test_functions_of_one_turn_share_a_greenlet() -> None:
    shared, seen = SharedGreenlet(), list[tuple[int, Any]]()
    for number in range(3):
        shared.run(lambda number=number: seen.append((number, gevent.getcurrent())))  # type: ignore[misc]
    assert len(shared) == 3
    gevent.sleep(0.01)
    assert [number for number, _ in seen] == [0, 1, 2]
    assert len({greenlet for _, greenlet in seen}) == 1
    assert len(shared) == 0


@in_own_hub
def test_function_that_blocks_delays_no_other() -> None:
    shared, may_end, ended = SharedGreenlet(), Event(), list[str]()

    def block() -> None:
        may_end.wait()
        ended.append("first")

    shared.run(block)
    shared.run(lambda: ended.append("second"))
    with gevent.Timeout(PATIENCE):
        while "second" not in ended:
            gevent.sleep(0)
        shared.run(lambda: ended.append("third"))
        while "third" not in ended:
            gevent.sleep(0)
        may_end.set()
        while "first" not in ended:
            gevent.sleep(0)
    assert ended == ["second", "third", "first"]


@in_own_hub
def test_failing_function_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    shared, ended = SharedGreenlet(), list[int]()

    def fail() -> None:
        raise ValueError("a bug")

    shared.run(fail)
    shared.run(lambda: ended.append(1))
    with gevent.Timeout(PATIENCE):
        while not ended:
            gevent.sleep(0)
    assert "a bug" in caplog.text
