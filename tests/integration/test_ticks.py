"""Ticks of beat: ticks that waited do not run one after another, and no clock decides which ones are late."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis
from celery.exceptions import SoftTimeLimitExceeded

from app.config import Settings
from tasks import celery_app, sweeps


@pytest.fixture
def runs(settings: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Counts the runs of a task with a period of ten minutes."""
    for name in ("database_url", "redis_url", "secret_key"):  # celeryconfig.py reads them at the first task
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    redis_client.flushall()
    monkeypatch.setattr(sweeps, "container", lambda: SimpleNamespace(redis=redis_client))
    found: list[str] = []

    @sweeps.sweep("test_tick")
    def act() -> None:
        found.append("ran")

    monkeypatch.setattr(sweeps, "_periods", lambda: {"tasks.maintenance.test_tick": 600.0})
    yield found
    celery_app.tasks.pop("tasks.maintenance.test_tick")


def tick() -> None:
    """Runs the task as a worker does, with a message."""
    celery_app.tasks["tasks.maintenance.test_tick"].apply(throw=True)


def test_ticks_that_waited_run_once(runs: list[str], redis_client: redis.Redis) -> None:
    for _ in range(100):
        tick()
    assert runs == ["ran"]
    [key] = redis_client.keys("{parley}:tick:*")
    assert 100_000 < redis_client.pttl(key) <= 300_000
    redis_client.delete(key)
    tick()
    assert runs == ["ran", "ran"]


def test_call_that_is_no_tick_always_runs(runs: list[str]) -> None:
    for _ in range(2):
        celery_app.tasks["tasks.maintenance.test_tick"]()
    assert runs == ["ran", "ran"]


def test_no_tick_expires_while_clocks_differ_by_an_hour() -> None:
    entries = celery_app.conf.beat_schedule
    assert {"tasks.maintenance.wake_runners", "tasks.maintenance.sweep_often"} <= {e["task"] for e in entries.values()}
    assert {name for name, entry in entries.items() if entry["options"]["expires"] < 3600} == set()


def test_sweeps_of_one_tick_run_although_another_fails() -> None:
    ran: list[str] = []

    def fails() -> None:
        ran.append("fails")
        raise KeyError("a fault")

    with pytest.raises(ExceptionGroup) as caught:
        sweeps.run_all(lambda: ran.append("first"), fails, lambda: ran.append("last"))
    assert ran == ["first", "fails", "last"]
    assert [repr(error) for error in caught.value.exceptions] == ["KeyError('a fault')"]


def test_sweeps_of_one_tick_end_at_the_time_limit() -> None:
    def takes_too_long() -> None:
        raise SoftTimeLimitExceeded

    with pytest.raises(SoftTimeLimitExceeded):
        sweeps.run_all(takes_too_long, lambda: pytest.fail("went on"))
