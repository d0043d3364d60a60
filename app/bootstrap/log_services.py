"""Wires a gateway's way into the log, its marks, and the parts that its services share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from redis import Redis
from sqlalchemy import Engine

from app.bootstrap.before_send import make_before_send
from app.coalescer import RunBlocking
from app.config import Settings
from app.core.part import part_of
from app.fanout.hub import Hub
from app.fanout.revocation import RevokedSessions
from app.fanout.suspension import ShadowedUsers, SuspendedUsers
from app.fanout.watches import register_watches
from app.gateway.activity import Activity
from app.gateway.blocking import BlockingPool
from app.gateway.epochs import EpochKeeper
from app.gateway.heartbeat import DrainWaker
from app.gateway.shard_line import ShardLine
from app.gateway.timers import call_later
from app.gateway.watch_registry import WatchRegistry
from app.message_log import keys
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations, sharded_confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.history import History
from app.message_log.shards import Shard, Shards
from app.redis_batch import Batcher
from app.redis_connections import one_connection
from app.services.messaging.log_writer import LogWriter, sharded
from app.services.messaging.move_mark import MarkMover, MemberChecks
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.stream_queue import RunQueue, StreamQueue
from app.services.messaging.user_rates import TakeTokens, make_rates
from app.services.moderation.ask_policy import PolicyChecks
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.services.reading.directory import Directory
from app.store.replica import StoreReads
from app.task_queue import wake_drain

RESUMES_AT_ONCE = 16


class LogBuilder:
    """Builds what all services of a gateway share. Each method builds a part from the parts before it. Opens no
    connection.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        store_reads: StoreReads,
        redis: Redis,
        shards: Shards,
        revoked: RevokedSessions,
        suspended: SuspendedUsers,
        shadowed: ShadowedUsers,
        limit_openings: Callable[[int], None],
        directory: Directory,
        policy: PolicyChecks,
        media_on: bool,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._store_reads = store_reads
        self._redis = redis
        self._shards = shards
        self._revoked = revoked
        self._suspended = suspended
        self._shadowed = shadowed
        self._limit_openings = limit_openings
        self._directory = directory
        self._policy = policy
        self._media_on = media_on
        self._id = keys.ROSTER_MARK + secrets.token_hex(5)
        self._activity = Activity()
        store_reads.count_with(self._activity.count)
        self._directs = DirectCache()
        self._pools = {"blocking": BlockingPool(), "resuming": BlockingPool(RESUMES_AT_ONCE), "hook": BlockingPool()}
        self._run_blocking: RunBlocking = self._pools["blocking"].run
        run_asking = self._pools["hook"].run  # a slow hook must not hold up other work
        self._hook = make_before_send(settings, engine, self._activity.counters, run_asking)

    def _build_log(self) -> None:
        self._lines = [self._build_line(shard) for shard in self._shards]
        first = self._lines[0]
        self._epochs, self._hub = first.epochs, first.hub  # for what belongs to no shard
        self._watches = WatchRegistry(self._hub.watchers, partial(register_watches, self._redis, self._id))
        appends, changes, streams = zip(*(line.queues for line in self._lines), strict=True)
        self._appends, self._changes = sharded(appends), sharded(changes)
        self._appends_to_streams: RunQueue = streams[0]
        if len(streams) > 1:
            self._appends_to_streams = StreamQueue(streams, self._shards, self._run_blocking)
        self._confirmations = sharded_confirmations([line.confirmations for line in self._lines])
        self._conversations = ConversationCache(
            engine=self._engine,
            shards=self._shards,
            directs=self._directs,
            run_blocking=self._run_blocking,
            present_epoch=lambda conversation_id: self._line_of(conversation_id).epochs.present(),
        )
        self._log = LogWriter(appends=self._appends, changes=self._changes, conversations=self._conversations)

    def _line_of(self, conversation_id: int) -> ShardLine:
        return self._lines[part_of(conversation_id, len(self._lines))]

    def _build_line(self, shard: Shard) -> ShardLine:
        epoch = CurrentEpoch(self._settings.dedupe_seconds)
        epochs = EpochKeeper(
            shard=shard,
            engine=self._engine,
            current=epoch,
            revoked=self._revoked,
            run_blocking=self._run_blocking,
        )
        wake = partial(wake_drain, shard.part.number)
        waker = DrainWaker(wake_drain=wake, run_blocking=self._run_blocking)
        confirmations = Confirmations()
        hub = Hub(confirmations.settle, revoked=self._revoked.add, shadowed=self._shadowed.heard)
        scripts = tuple(self._script(shard, name, epochs, waker) for name in ("append", "change", "stream"))
        queues = tuple(self._log_queue(shard, script, epochs) for script in scripts)
        return ShardLine(shard, epoch, epochs, confirmations, hub, scripts, queues)

    def _script(self, shard: Shard, name: str, epochs: EpochKeeper, waker: DrainWaker) -> Append:
        settings, history = self._settings, History(epochs.stored_version, shard.keys)
        return Append(
            shard,
            self._id,
            AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
            name=name,
            connect=partial(self._connect_checked, history, shard.part.number),
            saw_epoch=epochs.saw,
            saw_version=history.saw,
            wake=waker.wake,
        )

    def _log_queue(self, shard: Shard, script: Append, epochs: EpochKeeper) -> Batcher:
        part = shard.part
        name = f"{script.name} of shard {part.number}" if part.number else script.name
        # The queue exists before the log writer does.
        return Batcher(name, script, recover=epochs.renew, after_batch=lambda: self._log.requeue_cold(part))

    def _connect_checked(self, history: History, number: int) -> Redis:
        """Returns a connection that writes nothing to a Redis that is behind this gateway or Postgres."""
        connection = one_connection(self._settings, shard=number)
        connection.call_on_connect(history.is_behind)
        return connection

    def _build_marks(self) -> None:
        # While Redis is unreachable, a user's act should not wait for long.
        self._tokens = Batcher("tokens", TakeTokens(self._redis), recover=self._epochs.renew, patience=1.0)
        self._rates = make_rates(self._settings, self._tokens.submit)
        self._marks = MarkMover(
            engine=self._engine,
            log=self._log,
            receipts=ReceiptBatcher(changes=self._changes, confirmations=self._confirmations, call_later=call_later),
            confirmations=self._confirmations,
            members=MemberChecks(shards=self._shards, run_blocking=self._run_blocking),
            is_shadowed=self._shadowed.knows,
            rate=self._rates.marks,
            call_later=call_later,
        )
