"""The number of a worker's pool processes: one at rest, more as soon as tasks wait, and one again later."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tasks import pool_growth
from tasks.pool_growth import PATIENCE_SECONDS, REST_SECONDS, PoolGrowth, PoolSize


@pytest.mark.parametrize(("tasks", "processes", "missing"), [(0, 1, 0), (1, 1, 0), (2, 1, 1), (3, 1, 2), (9, 2, 2)])
def test_each_task_gets_a_process_up_to_the_limit(tasks: int, processes: int, missing: int) -> None:
    assert PoolSize(4, 0.0).missing(tasks, processes, 0.0) == missing


def test_spare_processes_end_after_a_rest_and_never_beside_a_task() -> None:
    size = PoolSize(4, 0.0)
    size.missing(2, 1, 100.0)
    assert size.spare(0, 3, 100.0 + REST_SECONDS - 1) == 0
    assert size.spare(1, 3, 100.0 + REST_SECONDS) == 0
    assert size.spare(0, 3, 100.0 + REST_SECONDS) == 2
    assert size.spare(0, 1, 100.0 + REST_SECONDS) == 0


class Pool:
    uses_semaphore = True

    def __init__(self) -> None:
        self.num_processes = 1

    def grow(self, count: int) -> None:
        self.num_processes += count

    def shrink(self, count: int) -> None:
        self.num_processes -= count

    def maintain_pool(self) -> None:
        """The real one forks."""


class Hub:
    """Keeps the functions that are to be called later."""

    def __init__(self) -> None:
        self.later: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, act: Callable[[], None]) -> None:
        self.later.append((seconds, act))

    call_repeatedly = call_later


class Running:
    """A step of a worker whose pool may have four processes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **worker: Any) -> None:
        self.tasks, self.hub, self.pool = 0, Hub(), Pool()
        monkeypatch.setattr(pool_growth, "_tasks", lambda: self.tasks)
        fields = {"concurrency": 4, "use_eventloop": True, "autoscale": None, "pool_cls": Pool, "pool": self.pool}
        consumer = SimpleNamespace(on_task_message=set())
        self.worker = SimpleNamespace(**{**fields, "consumer": consumer, "min_concurrency": 4, **worker})
        self.step = PoolGrowth(self.worker)
        self.step.register_with_event_loop(self.worker, self.hub)
        self.hub.later.clear()

    def receive(self, queue: str) -> None:
        self.tasks += 1
        for call in self.worker.consumer.on_task_message:
            call(SimpleNamespace(delivery_info={"routing_key": queue}))


def test_pool_starts_with_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Running(monkeypatch).worker
    assert (worker.min_concurrency, worker.max_concurrency) == (1, 4)


def test_drain_that_waits_gets_a_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch)
    running.receive("maintenance")
    running.receive("persistence")
    assert (running.pool.num_processes, running.hub.later) == (2, [])


def test_tick_gets_a_process_only_if_it_still_waits_later(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch)
    running.receive("maintenance")
    running.receive("maintenance")
    ((seconds, grow),) = running.hub.later
    assert (seconds, running.pool.num_processes) == (PATIENCE_SECONDS, 1)
    running.tasks = 1
    grow()
    assert running.pool.num_processes == 1
    running.tasks = 2
    grow()
    assert running.pool.num_processes == 2


@pytest.mark.parametrize("given", [{"autoscale": (4, 2)}, {"use_eventloop": False}])
def test_pools_of_other_kinds_keep_their_size(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(monkeypatch, **given)
    assert not running.step.include_if(running.worker)
    assert running.worker.min_concurrency == 4
