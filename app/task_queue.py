"""Enqueues Celery tasks by their names. Web processes import no task.

All functions may block. If a task is lost, a sweep or beat enqueues it again.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import cache

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.core.errors import Overloaded
from app.core.languages import ENGLISH

log = logging.getLogger(__name__)

# kombu passes the error of a Redis that refuses a write (READONLY, MISCONF, OOM) on as it is.
UNREACHABLE = (OperationalError, OSError, RedisError)

DRAIN = "tasks.persist_messages.drain"
PUSH = "tasks.send_push.run"
WEBHOOKS = "tasks.send_webhooks.run"


@cache
def celery() -> Celery:
    client = Celery("parley-web", set_as_current=False)
    client.config_from_object("celeryconfig")
    return client


def enqueue_export(export_id: str) -> None:
    """Enqueues the writing of an export. The sweep enqueues a lost task again within two minutes."""
    _enqueue("tasks.accounts.export_user_data", export_id)


def enqueue_deletion(user_id: int, *, seconds: float = 0) -> None:
    """Enqueues the removal of a deleted account's data, after ``seconds``. The sweep enqueues a lost task again within
    two minutes.
    """
    _enqueue("tasks.accounts.delete_account", user_id, seconds)


def enqueue_erasure(conversation_id: int, *, seconds: float = 0) -> None:
    """Enqueues the erasure of a deleted conversation's messages, after ``seconds``. The sweep enqueues a lost task
    again within two minutes.
    """
    _enqueue("tasks.accounts.erase_conversation", conversation_id, seconds)


def enqueue_import(import_id: str, *, seconds: float = 0) -> None:
    """Enqueues an import, after ``seconds``. The sweep enqueues a lost task again within seconds."""
    _enqueue("tasks.imports.run_import", import_id, seconds)


def enqueue_user_news(user_id: int, *, seconds: float = 0) -> None:
    """Enqueues the announcement of a user's new profile, after ``seconds``. If the task is lost, clients see it when
    they resume.
    """
    _enqueue("tasks.accounts.announce_profile", user_id, seconds)


def enqueue_processing(media_id: str, *, seconds: float = 0) -> None:
    """Enqueues the check and the storing of a medium. The sweep enqueues a lost task again within seconds."""
    _enqueue("tasks.process_media.process", media_id, seconds, queue="media")


def enqueue_announcement(media_id: str) -> None:
    """Enqueues the announcement of a medium's result to the members. The sweep enqueues a lost task again within
    seconds.
    """
    _enqueue("tasks.process_media.announce", media_id, queue="media")


def enqueue_discard(media_id: str) -> None:
    """Enqueues the removal of a deleted medium's asset. The sweep enqueues a lost task again within seconds."""
    _enqueue("tasks.process_media.discard", media_id, queue="media")


def enqueue_avatar(avatar_id: str) -> None:
    """Enqueues the fetching and processing of an avatar. The sweep enqueues a lost task again within a minute."""
    _enqueue("tasks.process_media.process_avatar", avatar_id, queue="media")


def enqueue_reset_links(username: str | None, email: str | None, address: str, language: str | None = None) -> None:
    """Enqueues mails with a link to the accounts with this name or e-mail address. ``address`` is the client's IP
    address. Raises Overloaded if the broker does not answer, even if there is no such account.
    """
    _enqueue_mail("send_reset_links", username, email, address, language=language)


def enqueue_verification(user_id: int, email: str, language: str | None = None) -> None:
    """Enqueues a mail with a link to an address that is to be verified. Raises Overloaded if the broker does not
    answer.
    """
    _enqueue_mail("send_verification", user_id, email, language=language)


def enqueue_reset_notice(user_id: int, language: str | None = None) -> None:
    """Enqueues a mail to the user: their password was reset."""
    with suppress(Overloaded):
        _enqueue_mail("send_reset_notice", user_id, language=language)


def enqueue_second_factor_notice(user_id: int, *, on: bool, language: str | None = None) -> None:
    """Enqueues a mail to the user: their second factor was turned on or off."""
    with suppress(Overloaded):
        _enqueue_mail("send_second_factor_notice", user_id, on, language=language)


def enqueue_email_notice(user_id: int, old: str, language: str | None = None) -> None:
    """Enqueues a mail to the former address: it is no longer in use."""
    with suppress(Overloaded):
        _enqueue_mail("send_email_notice", user_id, old, language=language)


def _enqueue_mail(name: str, *arguments: str | int | None, language: str | None) -> None:
    """``language`` is the one that the request's client prefers. Workers of the previous release do not take it."""
    task = f"tasks.mail.{name}"
    more = {} if language in (None, ENGLISH) else {"language": language}
    try:
        celery().send_task(task, arguments, more, queue="maintenance", retry=False)
    except UNREACHABLE as error:
        log.warning("%s was not enqueued: %s", task, type(error).__name__)
        raise Overloaded(f"The broker does not answer ({type(error).__name__}).") from None


def _enqueue(task: str, argument: str | int, seconds: float = 0, queue: str = "maintenance") -> None:
    try:
        celery().send_task(task, (argument,), queue=queue, countdown=seconds or None, retry=False)
    except UNREACHABLE as error:
        log.warning("%s(%s) was not enqueued: %s", task, argument, type(error).__name__)


def wake_push() -> None:
    """Enqueues a runner of push notifications. If the task is lost, beat enqueues one within seconds."""
    _wake(PUSH, "push")


def wake_webhooks() -> None:
    """Enqueues a runner of webhooks. If the task is lost, beat enqueues one within seconds."""
    _wake(WEBHOOKS, "webhooks")


def _wake(task: str, queue: str) -> None:
    try:
        celery().send_task(task, queue=queue, expires=30, retry=False, ignore_result=True)
    except UNREACHABLE as error:
        log.warning("%s was not enqueued: %s", task, type(error).__name__)


def wake_drain(number: int = 0) -> None:
    """Enqueues a drain of the log of the shard with this number. If the task is lost, beat enqueues one within seconds.
    Raises Overloaded if the broker does not answer.
    """
    which = (number,) if number else ()  # workers of the previous release take no argument
    try:
        celery().send_task(DRAIN, which, queue="persistence", expires=30, retry=False, ignore_result=True)
    except UNREACHABLE as error:
        raise Overloaded(f"The broker does not answer ({type(error).__name__}).") from None
