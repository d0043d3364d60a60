"""Wires the services of a gateway, and its way into the log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.bootstrap.before_send import make_before_send
from app.config import Settings
from app.core.records import MessageBody
from app.fanout.hub import Hub
from app.fanout.revocation import RevokedSessions
from app.fanout.suspension import ShadowedUsers, SuspendedUsers
from app.fanout.watches import register_watches
from app.gateway.activity import Activity
from app.gateway.blocking import BlockingPool
from app.gateway.epochs import EpochKeeper
from app.gateway.gateway import Messaging, Reading
from app.gateway.heartbeat import DrainWaker
from app.gateway.timers import call_later
from app.gateway.waiting import blocking_acquire, stored_waiter, wait_for_result
from app.gateway.watch_registry import WatchRegistry
from app.message_log import keys
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.history import History
from app.redis_batch import Batcher
from app.redis_connections import one_connection
from app.services.groups.add_members import MemberAdder
from app.services.groups.invites import Invites
from app.services.groups.requests import Requests
from app.services.messaging.append_checks import AppendChecks
from app.services.messaging.append_stream import StreamAppender
from app.services.messaging.change_message import MessageEditor
from app.services.messaging.end_stream import StreamEnder
from app.services.messaging.judge_stream import StreamJudge
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.mentions import MentionFinder
from app.services.messaging.message_references import ReferenceFinder
from app.services.messaging.move_mark import MarkMover, MemberChecks
from app.services.messaging.open_direct import open_direct
from app.services.messaging.prepared import Prepared
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.send_checks import find_stored_ids
from app.services.messaging.send_event import EventSender
from app.services.messaging.send_message import MessageSender
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.messaging.user_rates import TakeTokens, make_rates
from app.services.moderation.ask_policy import PolicyChecks
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversation_media import ConversationMedia
from app.services.reading.conversations import ConversationReader
from app.services.reading.count_unread import count_unread
from app.services.reading.direct_cache import DirectCache
from app.services.reading.directory import Directory
from app.services.reading.external_ids import resolve_user_id
from app.services.reading.fetch_unread import UnreadFetcher
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.presence import PresenceReader
from app.services.reading.show_around import AroundReader
from app.services.reading.waiting_requests import WaitingRequests
from app.services.reading.who_missed import who_missed
from app.store.replica import StoreReads
from app.store.unread import UnreadRequest
from app.task_queue import wake_drain

RESUMES_AT_ONCE = 16

RunBlocking = Callable[[Callable[[], None]], None]


class ServicesBuilder:
    """Builds the services of a gateway. Each method builds a part from the parts before it. Opens no connection."""

    def __init__(
        self,
        *,
        settings: Settings,
        engine: Engine,
        store_reads: StoreReads,
        redis: Redis,
        revoked: RevokedSessions,
        suspended: SuspendedUsers,
        shadowed: ShadowedUsers,
        limit_joins: Callable[[int], None],
        limit_openings: Callable[[int], None],
        directory: Directory,
        policy: PolicyChecks,
        media_on: bool,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._store_reads = store_reads
        self._redis = redis
        self._revoked = revoked
        self._suspended = suspended
        self._shadowed = shadowed
        self._limit_joins = limit_joins
        self._limit_openings = limit_openings
        self._directory = directory
        self._policy = policy
        self._media_on = media_on
        self._id = keys.ROSTER_MARK + secrets.token_hex(5)
        self._activity = Activity()
        store_reads.count_with(self._activity.count)
        self._confirmations = Confirmations()
        self._directs = DirectCache()
        self._epoch = CurrentEpoch(settings.dedupe_seconds)
        self._pools = {"blocking": BlockingPool(), "resuming": BlockingPool(RESUMES_AT_ONCE), "hook": BlockingPool()}
        self._run_blocking: RunBlocking = self._pools["blocking"].run
        run_asking = self._pools["hook"].run  # a slow hook must not hold up other work
        self._hook = make_before_send(settings, engine, redis, self._activity.counters, run_asking)
        self._hub = Hub(self._confirmations.settle, revoked=revoked.add, shadowed=shadowed.heard)
        self._watches = WatchRegistry(self._hub.watchers, partial(register_watches, redis, self._id))

    def _build_log(self) -> None:
        self._epochs = EpochKeeper(
            redis=self._redis,
            engine=self._engine,
            current=self._epoch,
            revoked=self._revoked,
            run_blocking=self._run_blocking,
        )
        self._waker = DrainWaker(wake_drain=wake_drain, run_blocking=self._run_blocking)
        self._scripts: list[Append] = []
        self._appends, self._changes = self._log_queue("append"), self._log_queue("change")
        self._appends_to_streams = self._log_queue("stream")
        self._conversations = ConversationCache(
            engine=self._engine,
            redis=self._redis,
            directs=self._directs,
            run_blocking=self._run_blocking,
            present_epoch=self._epochs.present,
        )
        self._log = LogWriter(appends=self._appends, changes=self._changes, conversations=self._conversations)

    def _log_queue(self, name: str) -> Batcher:
        settings, history = self._settings, History(self._epochs.stored_version)
        script = Append(
            self._redis,
            self._id,
            AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
            name=name,
            connect=partial(self._connect_checked, history),
            saw_epoch=self._epochs.saw,
            saw_version=history.saw,
            wake=self._waker.wake,
        )
        self._scripts.append(script)
        return Batcher(name, script, recover=self._epochs.renew, after_batch=self._requeue_cold)

    def _connect_checked(self, history: History) -> Redis:
        """Returns a connection that writes nothing to a Redis that is older than this gateway or Postgres knows."""
        connection = one_connection(self._settings)
        connection.call_on_connect(history.is_behind)
        return connection

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
            is_shadowed=self._shadowed.knows,
            rate=self._rates.marks,
            call_later=call_later,
        )

    def _build_reading(self) -> None:
        stores: Any = {"engine": self._engine, "redis": self._redis}
        wait_until_stored = stored_waiter(self._confirmations, self._settings.ack_wait_seconds)
        # All clients return at once after a deploy: their reads of Postgres are batched.
        self._unread_counts = self._read_queue("unread counts", partial(count_unread, **stores))
        find_missed = partial(who_missed, **stores, saw_epoch=self._epochs.saw)
        self._missed = Batcher("missed", find_missed, recover=self._epochs.renew, max_batch=100, patience=30.0)
        fetcher = UnreadFetcher(
            **stores,
            directs=self._directs,
            mark_delivered=self._marks.mark_delivered,
        )
        self._unread_messages = self._read_queue("unread messages", fetcher.fetch)
        messages = MessageFinder(**stores, directs=self._directs)
        conversations = ConversationReader(
            **stores, store_reads=self._store_reads, directs=self._directs, wait_until_stored=wait_until_stored
        )
        self._waiting_requests = WaitingRequests(**stores, conversations=self._conversations)
        self._reading = Reading(
            directs=self._directs,
            cache=self._conversations,
            conversations=conversations,
            around=AroundReader(store_reads=self._store_reads, conversations=conversations, messages=messages),
            messages=messages,
            queries=MessageQueries(
                **stores,
                store_reads=self._store_reads,
                directs=self._directs,
                conversations=self._conversations,
                messages=messages,
                wait_until_stored=wait_until_stored,
            ),
            media=ConversationMedia(
                store_reads=self._store_reads,
                redis=self._redis,
                directs=self._directs,
                wait_until_stored=wait_until_stored,
            ),
            requests=self._waiting_requests,
            presence=PresenceReader(
                **stores, hub=self._hub, directory=self._directory, register=self._watches.register
            ),
            fetch_unread=lambda user_id, conversation_id, limit: self._unread_messages.run(
                UnreadRequest(user_id, conversation_id, limit)
            ),
        )

    def _read_queue(self, name: str, call: Callable[[list[Any]], list[Any]]) -> Batcher:
        return Batcher(name, call, recover=self._epochs.renew, max_batch=100)

    def _build_messaging(self) -> None:
        settings = self._settings
        self._stored_ids = self._read_queue("ids", partial(find_stored_ids, engine=self._engine))
        self._mentions = MentionFinder(engine=self._engine, redis=self._redis, conversations=self._conversations)
        shadow: Any = {"is_shadowed": self._shadowed.knows}
        self._submitter = ChangeSubmitter(log=self._log, confirmations=self._confirmations, **shadow)
        ways: Any = {"log": self._log, "run_blocking": self._run_blocking, **shadow}
        self._messaging = Messaging(
            sender=self._build_sender(),
            editor=MessageEditor(
                engine=self._engine,
                mentions=self._mentions,
                messages=self._reading.messages,
                check_write=self._policy.check_write_if_any,
                streams=self._build_stream_ender(),
                before_send=self._hook.edits,
                acquire_edit=blocking_acquire(self._rates.edits),
                acquire_reaction=blocking_acquire(self._rates.reactions),
                **shadow,
                max_text=settings.max_text,
                edit_seconds=settings.edit_seconds,
            ),
            changes=self._submitter,
            marks=self._marks,
            typing=TypingNotifier(**ways, engine=self._engine, directs=self._directs, rate=self._rates.typing),
            events=EventSender(**ways, rate=self._rates.events, check_write=self._policy.check_write_if_any),
            streams=StreamAppender(
                engine=self._engine,
                queue=self._appends_to_streams,
                conversations=self._conversations,
                messages=self._reading.messages,
                rate=self._rates.appends,
                run_blocking=self._run_blocking,
                **shadow,
                checks=self._append_checks(),
                max_text=settings.max_text,
            ),
        )
        self._build_membership()

    def _build_stream_ender(self) -> StreamEnder:
        def add_mentions(conversation_id: int, author: int, body: MessageBody) -> None:
            self._mentions.find(conversation_id, author, body.message).add_to(body)

        return StreamEnder(
            engine=self._engine,
            redis=self._redis,
            messages=self._reading.messages,
            close=self._appends_to_streams.run,
            add_mentions=add_mentions,
            is_shadowed=self._shadowed.knows,
            judge=StreamJudge(self._hook.edits, self._redis),
            carry_out=self._carry_out,
        )

    def _append_checks(self) -> AppendChecks | None:
        check_write = self._policy.check_write_if_any
        if check_write is None:
            return None
        return AppendChecks(check_write=check_write, redis=self._redis, run_blocking=self._run_blocking)

    def _build_membership(self) -> None:
        parts: dict[str, Any] = {"engine": self._engine, "redis": self._redis, "conversations": self._conversations}
        max_members = self._settings.max_group_members
        self._requests = Requests(engine=self._engine, waiting=self._waiting_requests, max_members=max_members)
        self._invites = Invites(
            **parts,
            directs=self._directs,
            max_members=max_members,
            check_joining=self._policy.check_join,
            joined=self._requests.joined,
        )
        self._members = MemberAdder(**parts, requests=self._waiting_requests, max_members=max_members)

    def _open_direct(self, user_id: int, other: int | str) -> int:
        """Opens a direct conversation for a send. Raises NotFound for a user whom the sender may not find."""
        other_id = resolve_user_id(other, engine=self._engine)
        self._directory.check(user_id, [other_id])
        return open_direct(
            user_id,
            other_id,
            engine=self._engine,
            directs=self._directs,
            requests=self._waiting_requests,
            check_opening=self._policy.check_open_direct,
            limit_openings=self._limit_openings,
            carry_out=self._carry_out,
        )

    def _carry_out(self, prepared: Prepared) -> None:
        """Waits until the change is stored, or as long as a client waits for an ack."""
        wait_for_result(partial(self._submitter.submit, prepared), self._settings.ack_wait_seconds)

    def _build_sender(self) -> MessageSender:
        return MessageSender(
            log=self._log,
            conversations=self._conversations,
            directs=self._directs,
            epoch=self._epoch,
            confirmations=self._confirmations,
            references=ReferenceFinder(engine=self._engine, mentions=self._mentions, messages=self._reading.messages),
            find_stored=self._stored_ids.run,
            check_write=self._policy.check_write_if_any,
            before_send=self._hook.queue,
            open_direct=self._open_direct,
            is_shadowed=self._shadowed.knows,
            rate=self._rates.sends,
            run_blocking=self._run_blocking,
            counters=self._activity.counters,
            acks=self._activity.acks,
            max_text=self._settings.max_text,
        )
