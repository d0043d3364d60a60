"""Beat goes on when its clock jumps."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from celery import Celery
from celery.schedules import crontab

from tasks.beat_scheduler import SteadyScheduler

HOUR = 3600.0


class Beat(SteadyScheduler):
    """Records the tasks that it would send."""

    sent: list[str]

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        self.sent.append(entry.name)

    @property
    def producer(self) -> None:
        return None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_800_000_000.0 - 1_800_000_000.0 % HOUR + 60.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


@pytest.fixture
def beat(clock: list[float]) -> Beat:
    app = Celery("test", set_as_current=False)
    app.now = lambda: datetime.fromtimestamp(clock[0], UTC)
    app.conf.update(timezone="UTC", beat_max_loop_interval=2, imports=())
    app.conf.beat_schedule = {
        "often": {"task": "often", "schedule": 3.0},
        "seldom": {"task": "seldom", "schedule": 60.0},
        "hourly": {"task": "hourly", "schedule": crontab(minute="37")},
    }
    beat = Beat(app)
    beat.sent = []
    return beat


def run_for(beat: Beat, clock: list[float], seconds: float) -> dict[str, int]:
    """Lets beat tick as its service does. Returns how often it sent each entry."""
    beat.sent.clear()
    left = seconds
    while left > 0:
        pause = max(beat.tick(), 0.001)  # time passes even if the pause is too short to change the clock
        clock[0] += pause
        left -= pause
    return {name: beat.sent.count(name) for name in ("often", "seldom", "hourly")}


def about(seconds: float) -> dict[str, Any]:
    return {
        "often": pytest.approx(seconds / 3, abs=2),
        "seldom": pytest.approx(seconds / 60, abs=1),
        "hourly": pytest.approx(seconds / HOUR, abs=1),
    }


@pytest.mark.parametrize("jump", [-2 * HOUR, -HOUR, -90.0, -2.5, 0.0, 2.5, 90.0, 2 * HOUR])
def test_every_entry_is_sent_after_the_clock_jumped(beat: Beat, clock: list[float], jump: float) -> None:
    assert run_for(beat, clock, 300) == about(300)
    clock[0] += jump
    assert run_for(beat, clock, 300) == about(300)


def test_schedule_holds_for_an_hour_after_the_clock_was_set_back(beat: Beat, clock: list[float]) -> None:
    run_for(beat, clock, 300)
    clock[0] -= HOUR
    assert run_for(beat, clock, HOUR) == about(HOUR)
    assert "hourly" in beat.sent
