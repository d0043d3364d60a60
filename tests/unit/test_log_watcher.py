"""The watcher of the log starts a drain only if records wait and no drain stores them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.core.errors import Overloaded
from app.gateway.heartbeat import DrainWaker
from app.message_log import keys
from app.message_log.shard_keys import ShardKeys
from app.message_log.shards import Shard
from tasks.log_watcher import LOOKS, DrainProcess, LogWatch, watch_log
from tests.twins.memory_redis import MemoryRedis


class ClosableRedis(MemoryRedis):
    closed = False

    def __enter__(self) -> ClosableRedis:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def watched() -> tuple[MemoryRedis, LogWatch, list[str]]:
    redis, started = MemoryRedis(), list[str]()
    return redis, LogWatch(Shard(redis), lambda: started.append("drain")), started  # type: ignore[arg-type]


def test_waiting_records_without_a_drain_start_one() -> None:
    redis, watch, started = watched()
    redis.xadd(keys.FIRST.log, {"b": "record"})
    for _ in range(LOOKS - 1):
        watch.look()
    assert started == []
    watch.look()
    assert started == ["drain"]


def test_empty_log_and_a_drain_at_work_start_nothing() -> None:
    redis, watch, started = watched()
    for _ in range(2 * LOOKS):
        watch.look()
    redis.xadd(keys.FIRST.log, {"b": "record"})
    redis.set(keys.FIRST.lease, "token")
    for _ in range(2 * LOOKS):
        watch.look()
    assert started == []


def test_a_drain_between_two_looks_starts_the_count_again() -> None:
    redis, watch, started = watched()
    redis.xadd(keys.FIRST.log, {"b": "record"})
    for _ in range(LOOKS):
        redis.delete(keys.FIRST.lease)
        watch.look()
        redis.set(keys.FIRST.lease, "token")
        watch.look()
    assert started == []


def test_watcher_that_starts_while_redis_is_away_watches_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = set[str]()
    monkeypatch.setattr("tasks.log_watcher.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("tasks.log_watcher.heartbeat", lambda _redis, name: beats.add(name))
    redis, refusals, stopped, started = ClosableRedis(), 2, threading.Event(), threading.Event()
    redis.xadd(keys.FIRST.log, {"b": "record"})

    def connect() -> ClosableRedis:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise RedisConnectionError("refused")
        return redis

    watching = threading.Thread(target=watch_log, args=(connect, "host:1", started.set, stopped), daemon=True)
    watching.start()
    begun = started.wait(30)
    stopped.set()
    watching.join(30)
    assert begun
    assert not watching.is_alive()
    assert redis.closed
    assert beats == {"host:1"}
    assert refusals == -1  # a connection that works is kept


def test_watcher_of_another_shard_looks_at_its_log_and_sends_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = list[str]()
    monkeypatch.setattr("tasks.log_watcher.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("tasks.log_watcher.heartbeat", lambda _redis, name: beats.append(name))
    redis, stopped, started = ClosableRedis(), threading.Event(), threading.Event()
    redis.xadd(ShardKeys(1).log, {"b": "record"})
    redis.set(keys.FIRST.lease, "the drain of the first shard")
    watching = threading.Thread(target=watch_log, args=(lambda: redis, "host:1", started.set, stopped, 1), daemon=True)
    watching.start()
    begun = started.wait(30)
    stopped.set()
    watching.join(30)
    assert begun
    assert not watching.is_alive()
    assert beats == []


def test_drain_process_is_of_its_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = list[list[str]]()
    monkeypatch.setattr("tasks.log_watcher.subprocess.Popen", commands.append)
    DrainProcess(3).start()
    [[*_, module, _parent, shard]] = commands
    assert (module, shard) == ("tasks.drain_process", "3")


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
