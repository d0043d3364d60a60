"""Queue ``maintenance``: regular sweeps that enqueue lost tasks again and delete expired data.

Each is safe to run twice and at any time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from app.core.webhooks import FAILING, GIVE_UP_SECONDS
from app.fanout.runner_signal import push_signal, webhook_signal
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.message_log.workers import heartbeat
from app.services.accounts.avatars import adopt_outside
from app.services.accounts.move_last_seen import move_last_seen
from app.services.media import sweep_media as media
from app.services.messaging.judge_stream import StreamJudge
from app.services.messaging.sweep_streams import StreamSweeper
from app.services.metrics.publish_metrics import (
    publish_pending_media,
    publish_pending_pushes,
    publish_pending_webhooks,
)
from app.services.webhooks.fed_presence import mark_fed, move_presence
from app.store import (
    account_deletions,
    account_tokens,
    audit,
    auth_sessions,
    avatars,
    exports,
    host_feed,
    imports,
    media_sweep,
    pending_pushes,
    push_deliveries,
    push_targets,
    webhook_queue,
)
from app.store.engine import reading, writing
from app.store.host_conversations import to_erase
from app.task_queue import enqueue_avatar, enqueue_deletion, enqueue_erasure, enqueue_export, enqueue_import
from app.task_queue import wake_drain as enqueue_drain
from app.task_queue import wake_push as enqueue_push
from app.task_queue import wake_webhooks as enqueue_webhooks
from tasks.index_messages import index_messages
from tasks.shutdown import stopping
from tasks.sweeps import run_all, sweep
from tasks.worker_process import NAME, before_send, container, worker_changes

log = logging.getLogger(__name__)


@sweep("wake_drain")
def wake_drain() -> None:
    """Enqueues a drain for each log that has entries but no drain, because a wake-up was lost or a worker died."""
    shared = container()
    try:
        shared.shards.visit(_wake_drain_of)
    finally:
        heartbeat(shared.redis, NAME)


def _wake_drain_of(shard: Shard) -> None:
    if shard.redis.exists(shard.keys.lease):
        return
    if shard.redis.xlen(shard.keys.log):
        enqueue_drain(shard.part.number)
    else:
        LogReader(shard).give_up_if_lost()  # without this, no drain would notice a log that was trimmed to nothing


@sweep("wake_push")
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


@sweep("wake_webhooks")
def wake_webhooks() -> None:
    """If a host gets events: moves presence into the feed, switches off webhooks that failed for a day, publishes the
    number of waiting deliveries, and enqueues a runner if deliveries are due but none is active.
    """
    shared = container()
    with reading(shared.engine) as connection:
        feeding = host_feed.is_feeding(connection)
    if not feeding:
        return
    mark_fed(shared.redis)
    move_presence(shared.redis, shared.engine)
    with writing(shared.engine) as connection:
        off = webhook_queue.switch_off_failing(connection, GIVE_UP_SECONDS, FAILING)
        backlog = webhook_queue.backlog(connection)
        due_ms = webhook_queue.next_due_ms(connection)
    for webhook in off:
        log.error("webhook %d is switched off: nothing arrived for a day", webhook)
    publish_pending_webhooks(shared.redis, *backlog)
    if due_ms is not None and due_ms <= 0 and not webhook_signal.is_running(shared.redis):
        enqueue_webhooks()


def _repeat(sweep_some: Callable[[Connection], int]) -> None:
    """Calls ``sweep_some``, each time in its own transaction, until it returns 0: nothing is left."""
    more = True
    while more and not stopping():
        with writing(container().engine) as connection:
            more = sweep_some(connection) > 0


@sweep("sweep_feed")
def sweep_feed() -> None:
    """Deletes events and ended deliveries that are older than FEED_DAYS, and ends a feed that nobody reads."""
    shared = container()
    days = shared.settings.feed_days
    _repeat(lambda connection: host_feed.sweep(connection, days=days))
    with writing(shared.engine) as connection:
        host_feed.end_unused_feed(connection, days=days)


@sweep("sweep_push")
def sweep_push() -> None:
    """Deletes push targets of ended sign-ins, expired subscriptions, and old records of notifications."""
    shared = container()
    with writing(shared.engine) as connection:
        push_targets.forget_ended(connection)
    _repeat(lambda connection: push_deliveries.sweep(connection, days=shared.settings.push_keep_days))


@sweep("move_last_seen")
def move_last_seen_to_store() -> None:
    """Moves the times when users were last online from Redis to Postgres."""
    shared = container()
    move_last_seen(shared.redis, shared.engine)


@sweep("sweep_expired")
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


@sweep("sweep_avatars")
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


@sweep("sweep_audit")
def sweep_audit() -> None:
    """Deletes acts that are older than AUDIT_DAYS."""
    shared = container()
    _repeat(lambda connection: audit.forget_old(connection, days=shared.settings.audit_days))


@sweep("sweep_accounts")
def sweep_accounts() -> None:
    """Enqueues unfinished exports, deletions and erasures again."""
    with reading(container().engine) as connection:
        pending = exports.unfinished(connection, older_than_seconds=60)
        deleted = account_deletions.unfinished(connection, older_than_seconds=60)
        conversations = to_erase(connection)
    for export_id in pending:
        enqueue_export(export_id)
    for user_id in deleted:
        enqueue_deletion(user_id)
    for conversation_id in conversations:
        enqueue_erasure(conversation_id)


@sweep("sweep_streams")
def sweep_streams() -> None:
    """Stores the text of open streams, and ends those whose writer is gone."""
    shared = container()
    judge = StreamJudge(before_send(), shared.shards)
    StreamSweeper(engine=shared.engine, shards=shared.shards, changes=worker_changes(shared), judge=judge).sweep()


@sweep("sweep_imports")
def sweep_imports() -> None:
    """Enqueues imports again on which nobody has worked for a while, and deletes old ones."""
    with reading(container().engine) as connection:
        waiting = imports.unfinished(connection, older_than_seconds=10)
    for import_id in waiting:
        enqueue_import(import_id)
    with writing(container().engine) as connection:
        imports.forget_old(connection)


@sweep("sweep_media")
def sweep_media() -> None:
    """Enqueues media whose processing or announcement was lost, and discards media that no message names. Publishes how
    many media wait.
    """
    shared = container()
    media.sweep_media(shared.engine)
    with reading(shared.engine) as connection:
        waiting = media_sweep.count_pending(connection)
    publish_pending_media(shared.redis, waiting.media, waiting.age_seconds, waiting.staged_bytes)


@sweep("wake_runners")
def wake_runners() -> None:
    """Does the work of four ticks in one, because a task costs several times the CPU time of such a look-up. The
    indexer comes last, because it may work for a long time. The next tick then runs in another process, and finds the
    indexer at work.
    """
    run_all(wake_drain, wake_push, wake_webhooks, index_messages)


@sweep("sweep_often")
def sweep_often() -> None:
    """Does the work of three ticks in one, for the same reason."""
    run_all(sweep_streams, sweep_media, sweep_imports)
