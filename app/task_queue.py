"""Celery as the web processes know it: tasks by their names. Nothing here imports a task."""

from __future__ import annotations

import logging
from functools import cache

from celery import Celery
from kombu.exceptions import OperationalError

from app.core.errors import Overloaded

log = logging.getLogger(__name__)

DRAIN = "tasks.persist_messages.drain"
PUSH = "tasks.send_push.run"


@cache
def celery() -> Celery:
    client = Celery("parley-web", set_as_current=False)
    client.config_from_object("celeryconfig")
    return client


def enqueue_export(export_id: str) -> None:
    """Enqueues the writing of an export. May block. If the task is lost, the sweep enqueues it again within two
    minutes.
    """
    _enqueue("tasks.accounts.export_user_data", export_id)


def enqueue_deletion(user_id: int, *, seconds: float = 0) -> None:
    """Enqueues the removal of a deleted account's data, after this delay; otherwise like ``enqueue_export``."""
    _enqueue("tasks.accounts.delete_account", user_id, seconds)


def enqueue_processing(media_id: str, *, seconds: float = 0) -> None:
    """Have a medium looked at and stored. May block. Should it be lost, the sweep asks again within seconds."""
    _enqueue("tasks.process_media.process", media_id, seconds, queue="media")


def enqueue_announcement(media_id: str) -> None:
    """Have the members told how a medium ended; otherwise the same."""
    _enqueue("tasks.process_media.announce", media_id, queue="media")


def enqueue_discard(media_id: str) -> None:
    """Have the asset of a deleted medium removed; otherwise the same."""
    _enqueue("tasks.process_media.discard", media_id, queue="media")


def _enqueue(task: str, argument: str | int, seconds: float = 0, queue: str = "maintenance") -> None:
    try:
        celery().send_task(task, (argument,), queue=queue, countdown=seconds or None, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("%s(%s) was not asked for: %s", task, argument, type(error).__name__)


def wake_push() -> None:
    """Ask for a runner of push notifications. Should it be lost, beat asks again within seconds. May block."""
    try:
        celery().send_task(PUSH, queue="push", expires=30, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("%s was not asked for: %s", PUSH, type(error).__name__)


def wake_drain() -> None:
    """Ask for a drain of the log. A hint: should it be lost, beat asks again within seconds. May block.

    Raise Overloaded where the broker does not answer.
    """
    try:
        celery().send_task(DRAIN, queue="persistence", expires=30, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise Overloaded(f"The broker does not answer ({type(error).__name__}).") from None
