"""Queue ``maintenance``: regular sweeps for what was lost in between. Each is safe to run twice and at any time."""

from __future__ import annotations

import time

from app.fanout import push_signal
from app.message_log import keys
from app.message_log.reader import LogReader
from app.message_log.workers import heartbeat
from app.services.accounts.move_last_seen import move_last_seen
from app.services.media import sweep_media as media
from app.services.metrics.publish_metrics import publish_owed, publish_waiting_media
from app.store import (
    account_deletions,
    auth_sessions,
    exports,
    media_sweep,
    pending_pushes,
    push_deliveries,
    push_targets,
)
from app.store.engine import reading, writing
from app.task_queue import ask_for_deletion, ask_for_export
from app.task_queue import wake_drain as ask_for_drain
from app.task_queue import wake_push as ask_for_push
from tasks import celery_app
from tasks.shutdown import stopping
from tasks.worker_process import NAME, parley


@celery_app.task(name="tasks.maintenance.wake_drain")  # type: ignore[untyped-decorator]
def wake_drain() -> None:
    """Where the log holds something and nobody drains it, a wake-up was lost or a worker died."""
    redis = parley().redis
    heartbeat(redis, NAME)
    if redis.exists(keys.LEASE):
        return
    if redis.xlen(keys.LOG):
        ask_for_drain()
    else:
        LogReader(redis).give_up_if_lost()  # trimmed to nothing: no drain would ever look


@celery_app.task(name="tasks.maintenance.wake_push")  # type: ignore[untyped-decorator]
def wake_push() -> None:
    """Where notifications are due and nobody sends them, a wake-up was lost or a worker died. Publishes how many."""
    shared = parley()
    with reading(shared.engine) as connection:
        owed, age_seconds = pending_pushes.backlog(connection)
        due_ms = pending_pushes.next_due_ms(connection) if owed else None
    publish_owed(shared.redis, owed, age_seconds)
    if due_ms is not None and due_ms <= 0 and not push_signal.is_running(shared.redis):
        ask_for_push()


@celery_app.task(name="tasks.maintenance.sweep_push")  # type: ignore[untyped-decorator]
def sweep_push() -> None:
    """Targets of sign-ins that are over, subscriptions that expired, and what became of notifications long ago."""
    shared = parley()
    with writing(shared.engine) as connection:
        push_targets.forget_ended(connection)
    more = True
    while more and not stopping():
        with writing(shared.engine) as connection:
            more = push_deliveries.sweep(connection, days=shared.settings.push_keep_days) > 0


@celery_app.task(name="tasks.maintenance.move_last_seen")  # type: ignore[untyped-decorator]
def move_last_seen_to_store() -> None:
    shared = parley()
    move_last_seen(shared.redis, shared.engine)


@celery_app.task(name="tasks.maintenance.sweep_expired")  # type: ignore[untyped-decorator]
def sweep_expired() -> None:
    """Auth sessions that ended a day ago; exports whose time is over, and those that were never finished."""
    with writing(parley().engine) as connection:
        auth_sessions.forget_expired(connection, int((time.time() - 86_400) * 1000))
    with writing(parley().engine) as connection:
        exports.fail_overdue(connection, older_than_seconds=86_400, keep_seconds=86_400)
        exports.forget_expired(connection)


@celery_app.task(name="tasks.maintenance.sweep_accounts")  # type: ignore[untyped-decorator]
def sweep_accounts() -> None:
    """Ask again for exports and deletions that are not done."""
    with reading(parley().engine) as connection:
        waiting = exports.unfinished(connection, older_than_seconds=60)
        deleted = account_deletions.unfinished(connection, older_than_seconds=60)
    for export_id in waiting:
        ask_for_export(export_id)
    for user_id in deleted:
        ask_for_deletion(user_id)


@celery_app.task(name="tasks.maintenance.sweep_media")  # type: ignore[untyped-decorator]
def sweep_media() -> None:
    """Media that nobody works at, names or was told of. Publishes how much waits."""
    shared = parley()
    media.sweep_media(shared.engine)
    with reading(shared.engine) as connection:
        waiting = media_sweep.count_pending(connection)
    publish_waiting_media(shared.redis, waiting)
