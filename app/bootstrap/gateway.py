"""Wires the gateway of a web process. Imports gevent, which worker processes must not."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.config import Settings
from app.fanout.hub import Hub, refusal
from app.fanout.listener import Listener
from app.fanout.presence import HEARTBEAT_SECONDS, PresenceChanges
from app.fanout.revocation import RevokedSessions
from app.gateway.activity import Activity
from app.gateway.blocking import BlockingPool
from app.gateway.devices import DeviceRegistry
from app.gateway.epochs import EpochKeeper
from app.gateway.gateway import Gateway, Messaging, Reading
from app.gateway.heartbeat import DrainWaker, Heartbeat
from app.gateway.presence_registry import PresenceRegistry
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.gateway.timers import Timers, call_later
from app.gateway.waiting import blocking_acquire, stored_waiter
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import last_version
from app.redis_batch import Batcher
from app.redis_calls import redis_errors_as_overloaded
from app.redis_connections import connect_redis, one_connection
from app.services.client_limits import encoded_limits
from app.services.groups.invites import Invites
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.delivery_batcher import DeliveryBatcher
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.message_references import ReferenceFinder
from app.services.messaging.move_mark import MarkMover, MemberChecks
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.send_message import MessageSender, find_stored_ids
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.messaging.user_rates import TakeTokens, make_rates
from app.services.metrics.publish_metrics import EVERY_SECONDS as PUBLISH_EVERY_SECONDS
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversations import ConversationReader
from app.services.reading.count_unread import count_unread
from app.services.reading.direct_cache import DirectCache
from app.services.reading.fetch_unread import UnreadFetcher
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.presence import PresenceReader
from app.services.reading.resume import Replay
from app.store.messages import UnreadRequest
from app.task_queue import wake_drain

RECONCILE_SECONDS = 0.5
REVOKED_EVERY_SECONDS = 5.0
RESUMES_AT_ONCE = 16

RunBlocking = Callable[[Callable[[], None]], None]


class GatewayBuilder:
    """Builds one gateway. Each method builds a part from the parts before it. Opens no connection."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        redis: Redis,
        revoked: RevokedSessions,
        limit_joins: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._redis = redis
        self._revoked = revoked
        self._limit_joins = limit_joins
        self._id = secrets.token_hex(5)
        self._activity = Activity()
        self._confirmations = Confirmations()
        self._directs = DirectCache()
        self._epoch = CurrentEpoch(settings.dedupe_seconds)
        self._pools = {"blocking": BlockingPool(), "resuming": BlockingPool(RESUMES_AT_ONCE)}
        self._run_blocking: RunBlocking = self._pools["blocking"].run
        self._hub = Hub(self._confirmations.settle, revoked=revoked.add)

    def build(self) -> Gateway:
        self._build_log()
        self._build_marks()
        self._build_reading()
        self._build_messaging()
        self._build_sessions()
        gateway = Gateway(
            gateway_id=self._id,
            redis=self._redis,
            sessions=self._sessions,
            streams=self._streams,
            messaging=self._messaging,
            reading=self._reading,
            invites=self._invites,
            activity=self._activity,
            confirmations=self._confirmations,
            queues=self._queues,
            drained=(self._appends, self._changes, self._presence.batcher),
            pools=self._pools,
            listener=self._listener,
            timers=self._timers,
        )
        self._timers.add(PUBLISH_EVERY_SECONDS, gateway.publish_metrics)
        return gateway

    def _build_log(self) -> None:
        self._epochs = EpochKeeper(
            redis=self._redis,
            engine=self._engine,
            current=self._epoch,
            revoked=self._revoked,
            run_blocking=self._run_blocking,
        )
        self._waker = DrainWaker(wake_drain=wake_drain, run_blocking=self._run_blocking)
        self._appends, self._changes = self._log_queue("append"), self._log_queue("change")
        self._conversations = ConversationCache(
            engine=self._engine,
            redis=self._redis,
            directs=self._directs,
            run_blocking=self._run_blocking,
            present_epoch=self._epochs.present,
        )
        self._log = LogWriter(appends=self._appends, changes=self._changes, conversations=self._conversations)

    def _log_queue(self, name: str) -> Batcher:
        settings = self._settings
        script = Append(
            self._redis,
            self._id,
            AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
            name=name,
            connect=lambda: one_connection(settings),
            saw_epoch=self._epochs.saw,
            wake=self._waker.wake,
        )
        return Batcher(name, script, recover=self._epochs.renew, after_batch=self._requeue_cold)

    def _requeue_cold(self) -> None:
        self._log.requeue_cold()  # the queue exists before the log writer does

    def _build_marks(self) -> None:
        # While Redis is unreachable, a user's act should not wait for long.
        self._tokens = Batcher("tokens", TakeTokens(self._redis), recover=self._epochs.renew, patience=1.0)
        self._rates = make_rates(self._settings, self._tokens.submit)
        self._marks = MarkMover(
            engine=self._engine,
            log=self._log,
            receipts=ReceiptBatcher(changes=self._changes, confirmations=self._confirmations, call_later=call_later),
            confirmations=self._confirmations,
            members=MemberChecks(redis=self._redis, run_blocking=self._run_blocking),
            rate=self._rates.marks,
        )

    def _build_reading(self) -> None:
        stores: Any = {"engine": self._engine, "redis": self._redis}
        wait_until_stored = stored_waiter(self._confirmations, self._settings.ack_wait_seconds)
        # All clients return at once after a deploy: their reads of Postgres are batched.
        self._unread_counts = self._read_queue("unread counts", partial(count_unread, **stores))
        fetcher = UnreadFetcher(
            **stores,
            directs=self._directs,
            mark_delivered=self._marks.mark_delivered,
        )
        self._unread_messages = self._read_queue("unread messages", fetcher.fetch)
        messages = MessageFinder(**stores, directs=self._directs)
        self._reading = Reading(
            directs=self._directs,
            cache=self._conversations,
            conversations=ConversationReader(**stores, directs=self._directs, wait_until_stored=wait_until_stored),
            messages=messages,
            queries=MessageQueries(
                **stores,
                directs=self._directs,
                conversations=self._conversations,
                messages=messages,
                wait_until_stored=wait_until_stored,
            ),
            presence=PresenceReader(**stores, hub=self._hub),
            fetch_unread=lambda user_id, conversation_id, limit: self._unread_messages.run(
                UnreadRequest(user_id, conversation_id, limit)
            ),
        )

    def _read_queue(self, name: str, call: Callable[[list[Any]], list[Any]]) -> Batcher:
        return Batcher(name, call, recover=self._epochs.renew, max_batch=100)

    def _build_messaging(self) -> None:
        settings = self._settings
        self._stored_ids = self._read_queue("ids", partial(find_stored_ids, engine=self._engine))
        self._messaging = Messaging(
            sender=self._build_sender(),
            editor=MessageEditor(
                engine=self._engine,
                conversations=self._conversations,
                messages=self._reading.messages,
                acquire_edit=blocking_acquire(self._rates.edits),
                acquire_reaction=blocking_acquire(self._rates.reactions),
                max_text=settings.max_text,
                edit_seconds=settings.edit_seconds,
            ),
            changes=ChangeSubmitter(log=self._log, confirmations=self._confirmations),
            marks=self._marks,
            typing=TypingNotifier(
                engine=self._engine,
                log=self._log,
                directs=self._directs,
                rate=self._rates.typing,
                run_blocking=self._run_blocking,
            ),
        )
        self._invites = Invites(
            engine=self._engine,
            redis=self._redis,
            conversations=self._conversations,
            directs=self._directs,
            max_members=settings.max_group_members,
        )

    def _build_sender(self) -> MessageSender:
        return MessageSender(
            engine=self._engine,
            log=self._log,
            conversations=self._conversations,
            directs=self._directs,
            epoch=self._epoch,
            confirmations=self._confirmations,
            references=ReferenceFinder(
                engine=self._engine, conversations=self._conversations, messages=self._reading.messages
            ),
            find_stored=self._stored_ids.run,
            rate=self._rates.sends,
            run_blocking=self._run_blocking,
            counters=self._activity.counters,
            acks=self._activity.acks,
            max_text=self._settings.max_text,
        )

    def _build_sessions(self) -> None:
        settings = self._settings
        presence_changes = PresenceChanges(self._redis, self._id, saw_epoch=self._epochs.saw)
        self._presence = PresenceRegistry(presence_changes, recover=self._epochs.renew)
        self._sessions = SessionRegistry(
            hub=self._hub,
            presence=self._presence,
            devices=DeviceRegistry(redis=self._redis, gateway_id=self._id, run_blocking=self._run_blocking),
            activity=self._activity,
            max_sessions=settings.max_sessions,
            max_sessions_per_user=settings.max_sessions_per_user,
        )
        self._streams = Streams(
            epoch=self._epoch,
            replay=Replay(engine=self._engine, redis=self._redis, directs=self._directs, epoch=self._epoch),
            deliveries=DeliveryBatcher(mark_delivered=self._marks.mark_delivered, call_later=call_later),
            count_unread=self._unread_counts.run,
            limit_joins=self._limit_joins,
            run_blocking=self._run_blocking,
            run_replay=self._pools["resuming"].run,
            client_limits=encoded_limits(settings),
            resume_max_days=settings.resume_max_days,
            outbox_bytes=settings.outbox_bytes,
        )
        self._queues = (
            self._appends,
            self._changes,
            self._presence.batcher,
            self._unread_counts,
            self._stored_ids,
            self._tokens,
            self._unread_messages,
        )
        self._epochs.on_lost(self._redis_lost_its_history)
        self._build_listener()
        self._build_timers()

    def _build_listener(self) -> None:
        # Protocol 2: with RESP3, redis-py formats every push into a string.
        redis = connect_redis(self._settings, timeout_seconds=30, protocol=2)

        def resubscribed() -> None:
            if self._listener.subscriptions > 1:
                self._sessions.resume_all()

        self._listener = Listener(
            redis,
            self._id,
            dispatch=self._hub.dispatch,
            saw_epoch=self._epochs.saw,
            revoked=self._revoked.add,
            resubscribed=resubscribed,
        )

    def _build_timers(self) -> None:
        heartbeat = Heartbeat(redis=self._redis, gateway_id=self._id, epochs=self._epochs, sessions=self._sessions)
        self._timers = Timers()
        self._timers.add(HEARTBEAT_SECONDS, heartbeat.beat)
        self._timers.add(RECONCILE_SECONDS, self._reconcile)
        self._timers.add(REVOKED_EVERY_SECONDS, self._revoked.load)
        self._timers.add(1.0, self._sessions.check_all)
        self._timers.add(1.0, self._rates.release_expired)

    def _reconcile(self) -> None:
        self._confirmations.reconcile(self._redis, self._epoch.number, refusal)

    def _redis_lost_its_history(self) -> None:
        self._conversations.forget_all()
        self._confirmations.fail_all()
        self._run_blocking(self._reset_sessions)
        self._sessions.reregister_all()

    def _reset_sessions(self) -> None:
        self._epochs.learn_start()
        with redis_errors_as_overloaded():
            version = last_version(self._redis)
        self._sessions.reset_all(self._epoch.number, version)
