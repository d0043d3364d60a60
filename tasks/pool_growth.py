"""Gives a worker as many pool processes as it has tasks at a time, from one up to ``worker_concurrency``.

At rest there are only the ticks of beat, which one process runs one after the other. Each process that has run tasks
costs 30 MiB of its own and one or two connections to Postgres, so the others start when tasks wait for them, and end
after a while in which one process would have been enough. A start is a fork: it takes about 50 ms.

Celery's autoscaler does not fit. It starts a process for every two ticks that come at the same moment, and never ends
one while ticks come.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import bootsteps
from celery.worker import state

log = logging.getLogger(__name__)

# Other tasks get a process at once. Ticks are short, so they first wait this long for a process to become free.
PATIENT_QUEUE = "maintenance"
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 2.0
REST_SECONDS = 60.0


class PoolSize:
    """Decides how many processes the pool should have. ``now`` is in seconds."""

    def __init__(self, most: int, now: float) -> None:
        self._most, self._busy_at = most, now

    def missing(self, tasks: int, processes: int, now: float) -> int:
        """Returns how many processes to start for these tasks, which run or wait."""
        if tasks > 1:
            self._busy_at = now
        return max(min(tasks, self._most) - processes, 0)

    def spare(self, tasks: int, processes: int, now: float) -> int:
        """Returns how many processes to end. While there is a task, it is 0, because the task may be on its way to any
        process.
        """
        if tasks > 1:
            self._busy_at = now
        return processes - 1 if not tasks and now - self._busy_at >= REST_SECONDS else 0


class PoolGrowth(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """A step of the worker's start. The step of the pool, before it, reads the sizes only when it makes the pool."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._worker = worker
        self._size = PoolSize(worker.concurrency, time.monotonic())
        self._applies = bool(worker.use_eventloop and not worker.autoscale and worker.pool_cls.uses_semaphore)
        if self._applies:
            worker.min_concurrency, worker.max_concurrency = 1, worker.concurrency

    def include_if(self, _worker: Any) -> bool:
        return self._applies

    def create(self, _worker: Any) -> None:
        """Does nothing: the event loop makes the calls."""

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        """Called for each connection to the broker. The timers of the previous connection are gone."""
        self._call_later = hub.call_later
        worker.consumer.on_task_message.add(self._on_task)
        hub.call_repeatedly(LOOK_SECONDS, self._look)

    def _on_task(self, request: Any) -> None:
        if (request.delivery_info or {}).get("routing_key") != PATIENT_QUEUE:
            self._grow()
        elif _tasks() > self._worker.pool.num_processes:
            self._call_later(PATIENCE_SECONDS, self._grow)

    def _look(self) -> None:
        """Also finds tasks with a countdown, for which ``_on_task`` is not called."""
        self._grow()
        self._shrink()

    def _grow(self) -> None:
        pool = self._worker.pool
        if missing := self._size.missing(_tasks(), pool.num_processes, time.monotonic()):
            pool.grow(missing)
            pool.maintain_pool()

    def _shrink(self) -> None:
        pool = self._worker.pool
        if spare := self._size.spare(_tasks(), pool.num_processes, time.monotonic()):
            pool.shrink(spare)


def _tasks() -> int:
    """Returns how many tasks this worker runs, or has taken to run."""
    return len(state.reserved_requests)
