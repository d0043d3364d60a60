"""The sweep of the outbox as a Celery task, for hosts that have Celery anyway.

relay = add_relay_task(celery_app, lambda: Relay(outbox.table, engine, server))
parley.on_commit(relay.delay)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from parley_sdk.errors import ParleyError
from parley_sdk.outbox import Relay

if TYPE_CHECKING:
    from celery import Celery

TASK_NAME = "parley_sdk.relay"


def add_relay_task(app: Celery, make_relay: Callable[[], Relay], *, every: float | None = 30.0) -> Any:
    """Adds the task ``parley_sdk.relay`` and returns it. Beat starts it every ``every`` seconds.

    ``make_relay`` is called in the worker. The task is safe to run at any time and any number of times at once. If
    Parley cannot be reached, it fails, and the next sweep goes on.
    """

    def relay() -> None:
        make_relay().run_until_empty()

    task = app.task(relay, name=TASK_NAME, ignore_result=True, throws=(ParleyError,))
    if every is not None:
        app.conf.beat_schedule = {
            **(app.conf.beat_schedule or {}),
            TASK_NAME: {"task": TASK_NAME, "schedule": every, "options": {"expires": every}},
        }
    return task
