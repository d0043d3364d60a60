"""Sends a message: checks it, appends it to the log, and answers once Postgres has stored it.

The usual send never blocks and costs no greenlet: its conversation is known and warm, and its id (a recent UUIDv7)
cannot have been used without leaving a dedupe mark in Redis. Sends that need Postgres first (a first message between
two users, a conversation that was idle for a day, another form of id) take the same steps in a greenlet.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from app.clock import now_ms
from app.coalescer import RunBlocking
from app.core.commands import SendMessage, StreamedMessage
from app.core.errors import Conflict, Internal, Overloaded, ParleyError, RateLimited
from app.core.histogram import Histogram
from app.core.ids import make_uuid7, surely_new
from app.core.kinds import Kind
from app.core.records import MessageBody, encode_body
from app.message_log.append import Decided, Decision, Operation, message_flags, message_operand
from app.message_log.confirmations import ConfirmationsOf
from app.message_log.current_epoch import CurrentEpoch
from app.services.messaging.before_send import HookQueue
from app.services.messaging.hooked_send import ask_first
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.message_body import new_body
from app.services.messaging.message_references import NO_REFERENCES, ReferenceFinder, has_references
from app.services.messaging.refusals import refusal
from app.services.messaging.repeated_send import RepeatedSends
from app.services.messaging.send_checks import Ack, CheckWrite, FindStored, OpenDirect, Outcome, check_send, stored_ack
from app.services.messaging.user_rates import UserRate
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.store.messages import ExistingMessage

log = logging.getLogger(__name__)


class MessageSender:
    """``acks`` observes the seconds from accepted to stored; ``counters`` counts accepted sends."""

    __slots__ = (
        "_rate",
        "acks",
        "before_send",
        "check_write",
        "confirmations",
        "conversations",
        "counters",
        "directs",
        "epoch_of",
        "find_stored",
        "is_shadowed",
        "log",
        "max_text",
        "open_direct",
        "references",
        "repeated",
        "run_blocking",
        "stream_place",
    )

    def __init__(
        self,
        *,
        log: LogWriter,
        conversations: ConversationCache,
        directs: DirectCache,
        epoch_of: Callable[[int], CurrentEpoch],
        confirmations: ConfirmationsOf,
        references: ReferenceFinder,
        find_stored: FindStored,
        repeated: RepeatedSends,
        stream_place: Callable[[str], int | None] | None = None,
        check_write: CheckWrite | None,
        before_send: HookQueue | None = None,
        open_direct: OpenDirect,
        is_shadowed: Callable[[int], bool] = lambda _: False,
        rate: UserRate,
        run_blocking: RunBlocking,
        counters: Counter[str],
        acks: Histogram,
        max_text: int,
    ) -> None:
        self.log = log
        self.conversations = conversations
        self.directs = directs
        self.epoch_of = epoch_of
        self.confirmations = confirmations
        self.references = references
        self.find_stored = find_stored
        self.repeated = repeated
        self.stream_place = stream_place
        self.check_write = check_write
        self.before_send = before_send
        self.open_direct = open_direct
        self.is_shadowed = is_shadowed
        self._rate = rate
        self.run_blocking = run_blocking
        self.counters = counters
        self.acks = acks
        self.max_text = max_text

    def send(
        self,
        user_id: int,
        session_id: str,
        command: SendMessage,
        outcome: Outcome,
        submitted: Callable[[], None] | None = None,
    ) -> bool:
        """Never blocks, never raises. Calls ``outcome(ack, None)`` once the message is committed, or
        ``outcome(None, error)``.

        Returns True if the message is on its way to the log. Returns False if it needs Postgres or a token from Redis
        first: then ``submitted`` is called later, and a client's next send must not begin before that.
        """
        try:
            check_send(user_id, command, self.max_text)
            acquired = self._rate.try_acquire(user_id)
        except ParleyError as error:
            outcome(None, error)
            return True
        sending = _Sending(self, user_id, session_id, command, outcome)
        if acquired:
            return sending.begin(submitted)
        self._rate.on_granted(user_id, lambda error: sending.begin_granted(error, submitted))
        return False

    def send_for_host(
        self, sender_id: int, command: SendMessage, outcome: Outcome, submitted: Callable[[], None], *, silent: bool
    ) -> bool:
        """Does the same for the host's server, without rights and rates. ``sender_id``: HOST for a system message."""
        return _Sending(self, sender_id, "", command, outcome, by_host=True, silent=silent).begin(submitted)


class _Sending:
    """One message on its way into the log."""

    __slots__ = (
        "asked",
        "by_host",
        "command",
        "conversation_id",
        "id",
        "id_is_new",
        "looked_up",
        "outcome",
        "references",
        "retries",
        "sender",
        "session_id",
        "silent",
        "user_id",
    )

    def __init__(
        self,
        sender: MessageSender,
        user_id: int,
        session_id: str,
        command: SendMessage,
        outcome: Outcome,
        *,
        by_host: bool = False,
        silent: bool = False,
    ) -> None:
        self.asked = self.by_host = by_host  # the hook is not called for messages of the host
        self.silent = silent
        self.sender = sender
        self.user_id, self.session_id = user_id, session_id
        self.command, self.outcome = command, outcome
        self.looked_up = self.retries = 0
        self.id_is_new, self.references = False, NO_REFERENCES
        self.conversation_id = command.conversation_id or 0  # 0: not known yet
        self.id = command.id.lower() if command.id is not None else make_uuid7(now_ms())

    def begin(self, submitted: Callable[[], None] | None) -> bool:
        sender = self.sender
        if not self.conversation_id:
            self.conversation_id = sender.directs.find(self.user_id, self.command.receiver_id or 0) or 0
        if sender.before_send is not None and not self.asked:
            self.asked = True
            ask_first(sender.before_send, self)
            return True
        needs_more = has_references(self.command) or (sender.check_write is not None and not self.by_host)
        needs_more = needs_more or self.may_be_elsewhere()
        if self.conversation_id and not needs_more and self.is_new():
            self.submit()
            return True
        sender.run_blocking(lambda: self.prepare_and_submit(submitted))
        return False

    def begin_granted(self, error: ParleyError | None, submitted: Callable[[], None] | None) -> None:
        if error is not None:
            self.outcome(None, error)
        if (error is not None or self.begin(submitted)) and submitted is not None:
            submitted()

    def is_new(self) -> bool:
        """Returns whether the id cannot have been used before without leaving a dedupe mark in this epoch of Redis.

        Notes the epoch for which that holds.
        """
        now = now_ms()
        epoch = self.sender.epoch_of(self.conversation_id)
        self.looked_up = epoch.number
        since = epoch.dedupe_complete_since_ms(now)
        self.id_is_new = surely_new(self.id, now_ms=now, marks_since_ms=since)
        return self.id_is_new

    def may_be_elsewhere(self) -> bool:
        """Returns whether this begins a stream whose id may be that of an open stream in another shard."""
        return self.sender.stream_place is not None and isinstance(self.command, StreamedMessage)

    def check_stream_id(self) -> None:
        """Raises Conflict if an open stream of another conversation has this id, because texts of streams name only
        the id. With one shard, append.lua checks this. Shards that do not answer are left out. May block.
        """
        find = self.sender.stream_place
        if find is None or not self.may_be_elsewhere():
            return
        with suppress(Overloaded):
            if find(self.id) not in (None, self.conversation_id):
                raise Conflict("This id belongs to another message.")

    def prepare_and_submit(self, submitted: Callable[[], None] | None) -> None:
        try:
            self.prepare()
        except ParleyError as error:
            self.refuse(error)
        except Exception:
            log.exception("a send failed")
            self.outcome(None, Internal())
        finally:
            if submitted is not None:
                submitted()

    def prepare(self) -> None:
        sender = self.sender
        if not self.conversation_id:
            self.conversation_id = sender.open_direct(self.user_id, self.command.receiver_id or 0)
        if (earlier := self.find_stored()) is None:
            ids = self.user_id, self.conversation_id
            self.check_stream_id()
            if sender.check_write is not None and not self.by_host:
                sender.check_write(*ids)
            self.references = sender.references.find(*ids, self.command, by_host=self.by_host)
            self.submit()
        elif earlier.sender_id != self.user_id:
            raise Conflict("This id belongs to another message.")
        else:
            self.outcome(self.ack(earlier.seq, earlier.sent_ms), None)

    def find_stored(self) -> ExistingMessage | None:
        """Returns the message that Postgres has under this id; append.lua finds one that is not stored yet. While
        Postgres is down, live chat goes on without this check: the drain catches a reused id (drain/store_log.py).
        """
        if self.is_new():
            return None
        try:
            return self.sender.find_stored((self.conversation_id, self.id))
        except Overloaded:
            return None

    def refuse(self, error: ParleyError) -> None:
        """Ends the send. If the message was sent before, this is only a repetition, which is acked. May block."""
        may_be_repeated = self.command.id is not None and not isinstance(error, Overloaded | RateLimited)
        first = self.sender.repeated.find(self) if may_be_repeated else None
        if first is None:
            self.outcome(None, error)
            return
        self.conversation_id = first.conversation_id
        if first.stored:
            self.outcome(self.ack(first.seq, first.sent_ms), None)
        else:
            self.expect(first.seq, first.version, first.sent_ms)

    def submit(self) -> None:
        """Appends the message, behind those that wait for the same conversation to be hydrated."""
        if self.sender.conversations.is_warm(self.conversation_id):
            self.append()
        else:
            self.sender.conversations.when_hydrated(self.conversation_id, self.submit_hydrated)

    def append(self) -> None:
        body, quoted = self.body(), self.references.quoted
        shadow = not self.by_host and self.sender.is_shadowed(self.user_id)
        flags = message_flags(self.by_host, body.streaming is True, shadow, not self.id_is_new)
        what = message_operand(self.id, None if quoted is None else quoted.operand(body), flags)
        ids = self.conversation_id, self.user_id
        operation = Operation(Kind.MESSAGE, *ids, what, encode_body(body), self.session_id, self.id, self.looked_up)
        self.sender.log.appends.submit(operation, self.decided)

    def body(self) -> MessageBody:
        named, peer = self.command.receiver_id, self.sender.directs.peer
        receiver = named if isinstance(named, int) else peer(self.conversation_id, self.user_id)
        body = new_body(self.command, self.id, self.user_id, receiver, silent=self.silent)
        return body if self.references is NO_REFERENCES else self.references.add_to(body)

    def decided(self, decision: Decision, error: ParleyError | None) -> None:
        if error is not None:
            self.outcome(None, error)
            return
        what, seq, version, sent_ms = decision
        if what in (Decided.DONE, Decided.PENDING):
            self.sender.counters["sends"] += 1
            self.expect(seq, version, sent_ms)
        elif what == Decided.STORED:
            self.outcome(self.ack(seq, sent_ms), None)
        elif what == Decided.STALE and self.retries < 4:  # it waited while Redis lost its marks
            self.retries += 1
            self.sender.run_blocking(lambda: self.prepare_and_submit(None))
        elif what == Decided.UNKNOWN and self.retries < 4:
            self.retries += 1
            self.sender.conversations.mark_cold(self.conversation_id)
            self.sender.conversations.when_hydrated(self.conversation_id, self.submit_hydrated)
        elif what == Decided.NOT_A_MEMBER:  # perhaps no longer
            self.sender.run_blocking(lambda: self.refuse(refusal(what)))
        else:
            self.outcome(None, refusal(what))

    def submit_hydrated(self, error: ParleyError | None) -> None:
        if error is None:
            self.append()
        else:
            self.outcome(None, error)

    def expect(self, seq: int, version: int, sent_ms: int) -> None:
        accepted = time.monotonic()

        def confirmed(error: ParleyError | None) -> None:
            if error is None:
                self.sender.acks.observe(time.monotonic() - accepted)
            self.outcome(None if error else self.ack(seq, sent_ms), error)

        self.sender.confirmations.of(self.conversation_id).expect(version, confirmed)

    def ack(self, seq: int, sent_ms: int) -> Ack:
        return stored_ack(self.id, self.conversation_id, seq, sent_ms)
