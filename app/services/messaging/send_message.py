"""Sends a message: checks it, appends it to the log, and answers once Postgres has stored it.

The usual send never blocks and costs no greenlet: its conversation is known and warm, and its id (a recent UUIDv7)
cannot have been used without leaving a dedupe mark in Redis. Sends that need Postgres first (a first message between
two users, a conversation that was idle for a day, another form of id) take the same steps in a greenlet.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Engine

from app.clock import now_ms
from app.core.commands import SendMessage, check_text
from app.core.errors import Conflict, Internal, Invalid, Overloaded, ParleyError, Unauthorized
from app.core.histogram import Histogram
from app.core.ids import make_uuid7, surely_new
from app.core.kinds import Kind
from app.core.records import MessageBody, encode_body
from app.core.times import rfc3339
from app.message_log.append import Decided, Decision, Operation
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.message_references import NO_REFERENCES, ReferenceFinder, has_references
from app.services.messaging.refusals import refusal
from app.services.messaging.user_rates import UserRate
from app.services.reading.conversation_cache import ConversationCache, RunBlocking
from app.services.reading.direct_cache import DirectCache
from app.store.engine import reading
from app.store.messages import ExistingMessage, find_existing

log = logging.getLogger(__name__)

Ack = dict[str, Any]
Outcome = Callable[[Ack | None, ParleyError | None], None]
# Returns the direct conversation with a user. May block. Raises NotFound, RateLimited, Overloaded.
OpenDirect = Callable[[int, int], int]
# Returns the stored message of a (conversation, id). May block. Raises Overloaded.
FindStored = Callable[[tuple[int, str]], ExistingMessage | None]


def check_send(user_id: int, command: SendMessage, max_text: int) -> None:
    """Makes the checks that need no lookup. Raises Invalid, TooLarge, Unauthorized."""
    if command.sender_id is not None and command.sender_id != user_id:
        raise Unauthorized("senderId is not you.")
    check_text(command, max_text)
    if command.forward is not None and command.attachments:
        raise Invalid.field("attachments", "a forward has those of the message that it passes on")


def find_stored_ids(asked: Sequence[tuple[int, str]], *, engine: Engine) -> list[ExistingMessage | None]:
    """Returns the stored message of each (conversation, id). Runs one query. May block. Raises Overloaded."""
    with reading(engine) as connection:
        found = find_existing(connection, list(dict.fromkeys(asked)))
    return [found.get(pair) for pair in asked]


class MessageSender:
    """``acks`` observes the seconds from accepted to stored; ``counters`` counts accepted sends."""

    __slots__ = (
        "_rate",
        "acks",
        "confirmations",
        "conversations",
        "counters",
        "directs",
        "engine",
        "epoch",
        "find_stored",
        "log",
        "max_text",
        "open_direct",
        "references",
        "run_blocking",
    )

    def __init__(
        self,
        *,
        engine: Engine,
        log: LogWriter,
        conversations: ConversationCache,
        directs: DirectCache,
        epoch: CurrentEpoch,
        confirmations: Confirmations,
        references: ReferenceFinder,
        find_stored: FindStored,
        open_direct: OpenDirect,
        rate: UserRate,
        run_blocking: RunBlocking,
        counters: Counter[str],
        acks: Histogram,
        max_text: int,
    ) -> None:
        self.engine = engine
        self.log = log
        self.conversations = conversations
        self.directs = directs
        self.epoch = epoch
        self.confirmations = confirmations
        self.references = references
        self.find_stored = find_stored
        self.open_direct = open_direct
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


class _Sending:
    """One message on its way into the log."""

    __slots__ = (
        "command",
        "conversation_id",
        "hydrated",
        "id",
        "outcome",
        "references",
        "sender",
        "session_id",
        "user_id",
    )

    def __init__(
        self, sender: MessageSender, user_id: int, session_id: str, command: SendMessage, outcome: Outcome
    ) -> None:
        self.sender = sender
        self.user_id = user_id
        self.session_id = session_id
        self.command = command
        self.outcome = outcome
        self.hydrated = 0
        self.references = NO_REFERENCES
        self.conversation_id = command.conversation_id or 0  # 0: not known yet
        self.id = command.id.lower() if command.id is not None else make_uuid7(now_ms())

    def begin(self, submitted: Callable[[], None] | None) -> bool:
        sender = self.sender
        if not self.conversation_id:
            self.conversation_id = sender.directs.find(self.user_id, self.command.receiver_id or 0) or 0
        if self.conversation_id and self.is_new() and not has_references(self.command):
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
        """Returns whether the id cannot have been used before without leaving a dedupe mark in Redis."""
        now = now_ms()
        return surely_new(self.id, now_ms=now, marks_since_ms=self.sender.epoch.dedupe_complete_since_ms(now))

    def prepare_and_submit(self, submitted: Callable[[], None] | None) -> None:
        try:
            self.prepare()
        except ParleyError as error:
            self.outcome(None, error)
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
            self.references = sender.references.find(self.user_id, self.conversation_id, self.command)
            self.submit()
        elif earlier.sender_id != self.user_id:
            raise Conflict("This id belongs to another message.")
        else:
            self.outcome(self.ack(earlier.seq, earlier.sent_ms), None)

    def find_stored(self) -> ExistingMessage | None:
        """Returns the message that Postgres has under this id. While Postgres is down, live chat goes on without this
        check: the drain catches a reused id when it stores the message (services/drain/store_log.py).
        """
        if self.is_new():
            return None
        try:
            return self.sender.find_stored((self.conversation_id, self.id))
        except Overloaded:
            return None

    def submit(self) -> None:
        """Appends the message, behind those that wait for the same conversation to be hydrated."""
        if self.sender.conversations.is_warm(self.conversation_id):
            self.append()
        else:
            self.sender.conversations.when_hydrated(self.conversation_id, self.submit_hydrated)

    def append(self) -> None:
        body, quoted = self.body(), self.references.quoted
        what = self.id if quoted is None else (self.id, quoted.operand(body))
        ids = self.conversation_id, self.user_id
        operation = Operation(Kind.MESSAGE, *ids, what, encode_body(body), self.session_id, self.id)
        self.sender.log.appends.submit(operation, self.decided)

    def body(self) -> MessageBody:
        command = self.command
        body = MessageBody(
            id=self.id, sender_id=self.user_id, message=command.message, kind=command.kind or "text", attachments=[]
        )
        receiver = command.receiver_id or self.sender.directs.peer(self.conversation_id, self.user_id)
        if receiver is not None:
            body.receiver_id = receiver
        if command.reply_to is not None:
            body.reply_to = command.reply_to.lower()
        return self.references.add_to(body)

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
        elif what == Decided.UNKNOWN and self.hydrated < 2:
            self.hydrated += 1
            self.sender.conversations.mark_cold(self.conversation_id)
            self.sender.conversations.when_hydrated(self.conversation_id, self.submit_hydrated)
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

        self.sender.confirmations.expect(version, confirmed)

    def ack(self, seq: int, sent_ms: int) -> Ack:
        return {
            "id": self.id,
            "conversationId": self.conversation_id,
            "seq": seq,
            "sentAt": rfc3339(sent_ms),
            "status": "stored",
        }
