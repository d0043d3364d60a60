"""Celery as the web processes know it: tasks by their names. Nothing here imports a task."""

from __future__ import annotations

from functools import cache

from celery import Celery
from kombu.exceptions import OperationalError

from app.core.errors import Overloaded

DRAIN = "tasks.persist_messages.drain"


@cache
def celery() -> Celery:
    client = Celery("parley-web", set_as_current=False)
    client.config_from_object("celeryconfig")
    return client


def wake_drain() -> None:
    """Ask for a drain of the log. A hint: should it be lost, beat asks again within seconds. May block.

    Raise Overloaded where the broker does not answer.
    """
    try:
        celery().send_task(DRAIN, queue="persistence", expires=30, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise Overloaded(f"The broker does not answer ({type(error).__name__}).") from None
