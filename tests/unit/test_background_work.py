"""Work of a gateway in the background: its bounded pool, its timers, and results that come by callback."""

from __future__ import annotations

import itertools
import logging
from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.core.errors import NotFound, Overloaded
from app.gateway.blocking import BlockingPool
from app.gateway.timers import Timers
from app.gateway.waiting import stored_waiter, wait_for_result
from app.message_log.confirmations import Confirmations
from app.message_log.epoch import EpochBeginsError
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE


@given(limit=st.integers(1, 4), jobs=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
@settings(max_examples=40, deadline=None)
def test_pool_runs_every_job_once_and_never_too_many_at_once(limit: int, jobs: list[tuple[int, bool]]) -> None:
    play(limit, jobs)


@in_own_hub
def play(limit: int, jobs: list[tuple[int, bool]]) -> None:
    """Each job yields a few times; some fail."""
    pool = BlockingPool(limit)
    begun: list[int] = []
    running = most = 0
    ended = itertools.count()
    done = 0

    def make(number: int, yields: int, fails: bool) -> Any:
        def act() -> None:
            nonlocal running, most, done
            begun.append(number)
            running += 1
            most = max(most, running)
            for _ in range(yields):
                gevent.sleep(0)
            running -= 1
            done = next(ended) + 1
            if fails:
                raise ValueError("a bug")

        return act

    for number, (yields, fails) in enumerate(jobs):
        pool.run(make(number, yields, fails))
    with gevent.Timeout(PATIENCE):
        while done < len(jobs):
            gevent.sleep(0)
    assert sorted(begun) == list(range(len(jobs)))
    waited = [number for number in begun if number >= limit]
    assert waited == sorted(waited), "jobs that had to wait begin in order"
    assert most <= limit
    assert len(pool) == 0


@in_own_hub
def test_pool_goes_on_with_the_greenlets_it_has() -> None:
    pool, seen = BlockingPool(2), list[Any]()

    def act() -> None:
        gevent.sleep(0)
        seen.append(gevent.getcurrent())

    with gevent.Timeout(PATIENCE):
        for number in range(6):
            pool.run(act)
            while len(seen) <= number:
                gevent.sleep(0)
    assert len(set(seen)) == 1


@in_own_hub
def test_timers_go_on_after_every_kind_of_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    faults = iter([ConnectionError(), Overloaded(), ValueError("a bug"), EpochBeginsError()])
    runs: list[int] = []

    def act() -> None:
        runs.append(1)
        fault = next(faults, None)
        if fault is not None:
            raise fault

    timers = Timers()
    timers.add(0.0, act)
    timers.start()
    with gevent.Timeout(PATIENCE):
        while len(runs) < 6:
            gevent.sleep(0)
    gevent.killall(timers._greenlets)
    lines = [(record.levelname, record.getMessage().partition(" ")[2]) for record in caplog.records]
    assert lines == [
        ("WARNING", "failed and is repeated in 0 s: ConnectionError"),
        ("WARNING", "failed and is repeated in 0 s: Overloaded"),
        ("ERROR", "failed"),
        ("INFO", "is repeated in 0 s, because another process is beginning an epoch"),
    ]


@in_own_hub
def test_result_of_a_callback_is_returned_raised_or_missing() -> None:
    assert wait_for_result(lambda outcome: outcome("found", None), 1.0) == "found"
    with pytest.raises(NotFound):
        wait_for_result(lambda outcome: outcome(None, NotFound()), 1.0)
    assert wait_for_result(lambda outcome: None, 0.001) is None


@in_own_hub
def test_waiter_returns_whether_a_version_was_stored_in_time() -> None:
    confirmations = Confirmations()
    confirmations.settle([5])
    wait = stored_waiter(confirmations, 0.001)
    assert wait(1, 5)
    assert not wait(1, 6)
