"""The watcher of the log starts a drain only if records wait and nobody stores them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.core.errors import Overloaded
from app.gateway.heartbeat import DrainWaker
from app.message_log import keys
from tasks.log_watcher import LOOKS, LogWatch
from tests.twins.memory_redis import MemoryRedis


def watched() -> tuple[MemoryRedis, LogWatch, list[str]]:
    redis, started = MemoryRedis(), list[str]()
    return redis, LogWatch(redis, lambda: started.append("drain")), started  # type: ignore[arg-type]


def test_waiting_records_without_a_drain_start_one() -> None:
    redis, watch, started = watched()
    redis.xadd(keys.LOG, {"b": "record"})
    for _ in range(LOOKS - 1):
        watch.look()
    assert started == []
    watch.look()
    assert started == ["drain"]


def test_empty_log_and_a_drain_at_work_start_nothing() -> None:
    redis, watch, started = watched()
    for _ in range(2 * LOOKS):
        watch.look()
    redis.xadd(keys.LOG, {"b": "record"})
    redis.set(keys.LEASE, "token")
    for _ in range(2 * LOOKS):
        watch.look()
    assert started == []


def test_a_drain_between_two_looks_starts_the_count_again() -> None:
    redis, watch, started = watched()
    redis.xadd(keys.LOG, {"b": "record"})
    for _ in range(LOOKS):
        redis.delete(keys.LEASE)
        watch.look()
        redis.set(keys.LEASE, "token")
        watch.look()
    assert started == []


def test_gateway_wakes_one_drain_at_a_time_and_survives_a_broker_that_is_away(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, queued = [100.0], list[Callable[[], None]]()
    monkeypatch.setattr("app.gateway.heartbeat.time.monotonic", lambda: now[0])

    def refuse() -> None:
        raise Overloaded("The broker does not answer.")

    waker = DrainWaker(wake_drain=refuse, run_blocking=queued.append)
    for _ in range(3):
        now[0] += 1
        waker.wake()
    assert len(queued) == 1  # the first has not ended: a broker that hangs
    queued.pop()()
    assert "no drain was woken: The broker does not answer." in caplog.text
    now[0] += 1
    waker.wake()
    assert len(queued) == 1
