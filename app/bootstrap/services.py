"""Wires the services of a gateway, and its way into the log."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.config import Settings
from app.fanout.hub import Hub
from app.fanout.revocation import RevokedSessions
from app.fanout.suspension import SuspendedUsers
from app.gateway.activity import Activity
from app.gateway.blocking import BlockingPool
from app.gateway.epochs import EpochKeeper
from app.gateway.gateway import Messaging, Reading
from app.gateway.heartbeat import DrainWaker
from app.gateway.timers import call_later
from app.gateway.waiting import blocking_acquire, stored_waiter, wait_for_result
from app.message_log.append import Append, AppendLimits
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.history import History
from app.redis_batch import Batcher
from app.redis_connections import one_connection
from app.services.groups.add_members import MemberAdder
from app.services.groups.invites import Invites
from app.services.groups.requests import Requests
from app.services.messaging.change_message import MessageEditor, Prepared
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.message_references import ReferenceFinder
from app.services.messaging.move_mark import MarkMover, MemberChecks
from app.services.messaging.open_direct import open_direct
from app.services.messaging.receipt_batcher import ReceiptBatcher
from app.services.messaging.send_message import MessageSender, find_stored_ids
from app.services.messaging.show_typing import TypingNotifier
from app.services.messaging.submit_change import ChangeSubmitter
from app.services.messaging.user_rates import TakeTokens, make_rates
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.conversations import ConversationReader
from app.services.reading.count_unread import count_unread
from app.services.reading.direct_cache import DirectCache
from app.services.reading.directory import Directory
from app.services.reading.fetch_unread import UnreadFetcher
from app.services.reading.find_message import MessageFinder
from app.services.reading.message_queries import MessageQueries
from app.services.reading.presence import PresenceReader
from app.store.messages import UnreadRequest
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
        redis: Redis,
        revoked: RevokedSessions,
        suspended: SuspendedUsers,
        limit_joins: Callable[[int], None],
        limit_openings: Callable[[int], None],
        directory: Directory,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._redis = redis
        self._revoked = revoked
        self._suspended = suspended
        self._limit_joins = limit_joins
        self._limit_openings = limit_openings
        self._directory = directory
        self._id = secrets.token_hex(5)
        self._activity = Activity()
        self._confirmations = Confirmations()
        self._directs = DirectCache()
        self._epoch = CurrentEpoch(settings.dedupe_seconds)
        self._pools = {"blocking": BlockingPool(), "resuming": BlockingPool(RESUMES_AT_ONCE)}
        self._run_blocking: RunBlocking = self._pools["blocking"].run
        self._hub = Hub(self._confirmations.settle, revoked=revoked.add)

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
        settings, history = self._settings, History()
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
        return Batcher(name, script, recover=self._epochs.renew, after_batch=self._requeue_cold)

    def _connect_checked(self, history: History) -> Redis:
        """Returns a connection that writes nothing to a Redis that is older than what this gateway has seen."""
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
            rate=self._rates.marks,
            call_later=call_later,
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
            presence=PresenceReader(**stores, hub=self._hub, directory=self._directory),
            fetch_unread=lambda user_id, conversation_id, limit: self._unread_messages.run(
                UnreadRequest(user_id, conversation_id, limit)
            ),
        )

    def _read_queue(self, name: str, call: Callable[[list[Any]], list[Any]]) -> Batcher:
        return Batcher(name, call, recover=self._epochs.renew, max_batch=100)

    def _build_messaging(self) -> None:
        settings = self._settings
        self._stored_ids = self._read_queue("ids", partial(find_stored_ids, engine=self._engine))
        self._submitter = ChangeSubmitter(log=self._log, confirmations=self._confirmations)
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
            changes=self._submitter,
            marks=self._marks,
            typing=TypingNotifier(
                engine=self._engine,
                log=self._log,
                directs=self._directs,
                rate=self._rates.typing,
                run_blocking=self._run_blocking,
            ),
        )
        self._build_membership()

    def _build_membership(self) -> None:
        parts: dict[str, Any] = {"engine": self._engine, "redis": self._redis, "conversations": self._conversations}
        max_members = self._settings.max_group_members
        self._invites = Invites(**parts, directs=self._directs, max_members=max_members)
        self._members = MemberAdder(**parts, max_members=max_members)
        self._requests = Requests(**parts, max_members=max_members)

    def _open_direct(self, user_id: int, other_id: int) -> int:
        """Opens a direct conversation for a send. Raises NotFound for a user whom the sender may not find."""
        self._directory.check(user_id, [other_id])
        return open_direct(
            user_id,
            other_id,
            engine=self._engine,
            directs=self._directs,
            limit_openings=self._limit_openings,
            carry_out=self._carry_out,
        )

    def _carry_out(self, prepared: Prepared) -> None:
        """Waits until the change is stored, or as long as a client waits for an ack."""
        wait_for_result(partial(self._submitter.submit, prepared), self._settings.ack_wait_seconds)

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
            open_direct=self._open_direct,
            rate=self._rates.sends,
            run_blocking=self._run_blocking,
            counters=self._activity.counters,
            acks=self._activity.acks,
            max_text=self._settings.max_text,
        )
