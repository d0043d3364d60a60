"""Tasks that beat starts again and again. While a store is away, a run is one line in the log.

If several ticks of a task have waited, one of them runs and the others do nothing. Redis measures the pause between
runs. By the clocks of two machines, a tick would look too old if the worker's clock is only seconds ahead of beat's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, wraps

from celery.exceptions import SoftTimeLimitExceeded
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.message_log import keys
from tasks import celery_app
from tasks.worker_process import container

log = logging.getLogger(__name__)


def sweep(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Registers the function as the task ``tasks.maintenance.<name>``. Any error but a store's makes it fail."""

    def register(act: Callable[[], None]) -> Callable[[], None]:
        @wraps(act)
        def run() -> None:
            try:
                if _is_due(name):
                    act()
            except (Overloaded, RedisError) as error:
                log.warning("%s is left to the next run: %s", name, type(error).__name__)

        # Not a shared task, because other Celery applications in this process, such as the host's, would get it too.
        task: Callable[[], None] = celery_app.task(name=f"tasks.maintenance.{name}", shared=False)(run)
        return task

    return register


def run_all(*acts: Callable[[], None]) -> None:
    """Calls every task, even if an earlier one failed. Raises an ExceptionGroup with all their errors."""
    errors = []
    for act in acts:
        try:
            act()
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised below
            errors.append(error)
    if errors:
        raise ExceptionGroup("some sweeps failed", errors)


def _is_due(name: str) -> bool:
    """Returns whether half of the task's period has passed since the last tick that ran. Calls without a message from
    beat are always due.
    """
    task = celery_app.tasks[f"tasks.maintenance.{name}"]
    if task.request.called_directly:
        return True
    period = _periods().get(task.name)
    return period is None or bool(container().redis.set(keys.tick(name), 1, nx=True, px=int(period * 500)))


@cache
def _periods() -> dict[str, float]:
    """Returns the period of each task with a fixed one, in seconds."""
    entries = celery_app.conf.beat_schedule.values()
    return {entry["task"]: entry["schedule"] for entry in entries if isinstance(entry["schedule"], float)}
