"""Queue ``maintenance``: regular sweeps that enqueue lost tasks again and delete expired data.

Each is safe to run twice and at any time.
"""

from __future__ import annotations

import time

from app.fanout import push_signal
from app.message_log import keys
from app.message_log.reader import LogReader
from app.message_log.workers import heartbeat
from app.services.accounts.avatars import adopt_outside
from app.services.accounts.move_last_seen import move_last_seen
from app.services.media import sweep_media as media
from app.services.metrics.publish_metrics import publish_pending_media, publish_pending_pushes
from app.store import (
    account_deletions,
    account_tokens,
    audit,
    auth_sessions,
    avatars,
    exports,
    media_sweep,
    pending_pushes,
    push_deliveries,
    push_targets,
)
from app.store.engine import reading, writing
from app.task_queue import enqueue_avatar, enqueue_deletion, enqueue_export
from app.task_queue import wake_drain as enqueue_drain
from app.task_queue import wake_push as enqueue_push
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import NAME, container


@celery_app.task(name="tasks.maintenance.wake_drain")  # type: ignore[untyped-decorator]
def wake_drain() -> None:
    """Enqueues a drain if the log has entries but no drain runs, because a wake-up was lost or a worker died."""
    redis = container().redis
    heartbeat(redis, NAME)
    if redis.exists(keys.LEASE):
        return
    if redis.xlen(keys.LOG):
        enqueue_drain()
    else:
        LogReader(redis).give_up_if_lost()  # if the log was trimmed to nothing, no drain would notice


@celery_app.task(name="tasks.maintenance.wake_push")  # type: ignore[untyped-decorator]
def wake_push() -> None:
    """Enqueues a push runner if notifications are due but no runner is active, because a wake-up was lost or a worker
    died. Publishes how many notifications are pending.
    """
    shared = container()
    with reading(shared.engine) as connection:
        count, age_seconds = pending_pushes.backlog(connection)
        due_ms = pending_pushes.next_due_ms(connection) if count else None
    publish_pending_pushes(shared.redis, count, age_seconds)
    if due_ms is not None and due_ms <= 0 and not push_signal.is_running(shared.redis):
        enqueue_push()


@celery_app.task(name="tasks.maintenance.sweep_push")  # type: ignore[untyped-decorator]
def sweep_push() -> None:
    """Deletes push targets of ended sign-ins, expired subscriptions, and old records of notifications."""
    shared = container()
    with writing(shared.engine) as connection:
        push_targets.forget_ended(connection)
    more = True
    while more and not stopping():
        with writing(shared.engine) as connection:
            more = push_deliveries.sweep(connection, days=shared.settings.push_keep_days) > 0


@celery_app.task(name="tasks.maintenance.move_last_seen")  # type: ignore[untyped-decorator]
def move_last_seen_to_store() -> None:
    """Moves the times when users were last online from Redis to Postgres."""
    shared = container()
    move_last_seen(shared.redis, shared.engine)


@celery_app.task(name="tasks.maintenance.sweep_expired")  # type: ignore[untyped-decorator]
def sweep_expired() -> None:
    """Deletes auth sessions that ended a day ago, expired exports and links, and marks exports ``failed`` that did not
    finish within a day.
    """
    with writing(container().engine) as connection:
        auth_sessions.forget_expired(connection, int((time.time() - 86_400) * 1000))
    with writing(container().engine) as connection:
        exports.fail_overdue(connection, older_than_seconds=86_400, keep_seconds=86_400)
        exports.forget_expired(connection)
        account_tokens.forget_expired_tokens(connection)


@celery_app.task(name="tasks.maintenance.sweep_avatars")  # type: ignore[untyped-decorator]
def sweep_avatars() -> None:
    """Enqueues avatars whose processing was lost or whose address is still an outside one, and deletes unused
    ones.
    """
    shared = container()
    with reading(shared.engine) as connection:
        overdue = avatars.due(connection)
    for avatar_id in [*overdue, *adopt_outside(engine=shared.engine)]:
        enqueue_avatar(avatar_id)
    with writing(shared.engine) as connection:
        avatars.forget_unused(connection)


@celery_app.task(name="tasks.maintenance.sweep_audit")  # type: ignore[untyped-decorator]
def sweep_audit() -> None:
    """Deletes acts that are older than AUDIT_DAYS."""
    shared = container()
    more = True
    while more and not stopping():
        with writing(shared.engine) as connection:
            more = audit.forget_old(connection, days=shared.settings.audit_days) > 0


@celery_app.task(name="tasks.maintenance.sweep_accounts")  # type: ignore[untyped-decorator]
def sweep_accounts() -> None:
    """Enqueues unfinished exports and deletions again."""
    with reading(container().engine) as connection:
        pending = exports.unfinished(connection, older_than_seconds=60)
        deleted = account_deletions.unfinished(connection, older_than_seconds=60)
    for export_id in pending:
        enqueue_export(export_id)
    for user_id in deleted:
        enqueue_deletion(user_id)


@celery_app.task(name="tasks.maintenance.sweep_media")  # type: ignore[untyped-decorator]
def sweep_media() -> None:
    """Enqueues media whose processing or announcement was lost, and discards media that no message names. Publishes how
    many media wait.
    """
    shared = container()
    media.sweep_media(shared.engine)
    with reading(shared.engine) as connection:
        waiting = media_sweep.count_pending(connection)
    publish_pending_media(shared.redis, waiting.media, waiting.age_seconds, waiting.staged_bytes)
