"""Send a message: check it, give it to the log, and answer once Postgres has it.

The usual way never blocks and costs no greenlet: the conversation is known, its state is in Redis, and the message's
id (a recent UUIDv7) cannot have been sent before without leaving a mark there. Whatever needs Postgres first (a first
message between two people, a conversation that was idle for a day, an id of another kind) takes the same steps in a
greenlet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from app.core.commands import SendMessage, check_text
from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Overloaded, ParleyError, Unauthorized
from app.core.ids import make_uuid7, surely_new
from app.core.records import Kind, MessageBody, encode_body
from app.core.times import rfc3339
from app.message_log.append import Decided, Decision, Operation
from app.services.messaging.message_path import Answer, MessagePath, now_ms
from app.services.messaging.message_references import NO_DETAILS, find_details, needs_details
from app.services.messaging.open_direct import open_direct

log = logging.getLogger(__name__)

Outcome = Callable[[Answer | None, ParleyError | None], None]


def check_send(user_id: int, command: SendMessage, max_text: int) -> None:
    """All that can be refused without looking anything up. Raise Invalid, TooLarge, Unauthorized."""
    if command.sender_id is not None and command.sender_id != user_id:
        raise Unauthorized("senderId is not you.")
    check_text(command, max_text)
    if command.forward is not None and command.attachments:
        raise Invalid.field("attachments", "a forward has those of the message that it passes on")


def send_message(
    path: MessagePath,
    user_id: int,
    session_id: str,
    command: SendMessage,
    outcome: Outcome,
    passed_on: Callable[[], None] | None = None,
) -> bool:
    """Never blocks, never raises. ``outcome(ack, None)`` once the message is committed, or ``outcome(None, error)``.

    True where the message is on its way to the log already. False where Postgres is asked first, or Redis whether
    the user may: ``passed_on`` is called when it has been, and whoever sends several in order must not begin the next
    before that.
    """
    try:
        check_send(user_id, command, path.settings.max_text)
        counted = path.rates.sends.take(user_id)
    except ParleyError as error:
        outcome(None, error)
        return True
    sending = _Sending(path, user_id, session_id, command, outcome)
    if counted:
        return sending.begin(passed_on)
    path.rates.sends.on_granted(user_id, lambda error: sending.begin_granted(error, passed_on))
    return False


class _Sending:
    """One message on its way in."""

    __slots__ = ("command", "conversation_id", "details", "hydrated", "id", "outcome", "path", "session_id", "user_id")

    def __init__(
        self, path: MessagePath, user_id: int, session_id: str, command: SendMessage, outcome: Outcome
    ) -> None:
        self.path = path
        self.user_id = user_id
        self.session_id = session_id
        self.command = command
        self.outcome = outcome
        self.hydrated = 0
        self.details = NO_DETAILS
        self.conversation_id = command.conversation_id or 0  # 0: not known yet
        now = now_ms()
        self.id = command.id.lower() if command.id is not None else make_uuid7(now)

    def begin(self, passed_on: Callable[[], None] | None) -> bool:
        now = now_ms()
        if not self.conversation_id:
            self.conversation_id = self.path.directs.find(self.user_id, self.command.receiver_id or 0) or 0
        fresh = surely_new(self.id, now_ms=now, marks_since_ms=self.path.marks_since_ms(now))
        if self.conversation_id and fresh and not needs_details(self.command):
            self.submit()
            return True
        self.path.later(lambda: self.prepare_and_pass_on(passed_on))
        return False

    def begin_granted(self, error: ParleyError | None, passed_on: Callable[[], None] | None) -> None:
        if error is not None:
            self.outcome(None, error)
        if (error is not None or self.begin(passed_on)) and passed_on is not None:
            passed_on()

    def prepare_and_pass_on(self, passed_on: Callable[[], None] | None) -> None:
        try:
            self.prepare()
        except ParleyError as error:
            self.outcome(None, error)
        finally:
            if passed_on is not None:
                passed_on()

    def prepare(self) -> None:
        if not self.conversation_id:
            self.conversation_id = open_direct(self.path, self.user_id, self.command.receiver_id or 0)
        earlier = self.find_stored()
        if earlier is None:
            self.details = find_details(self.path, self.user_id, self.conversation_id, self.command)
            self.submit()
        elif earlier.sender_id != self.user_id:
            raise Conflict("This id is another message's.")
        else:
            self.outcome(self.ack(earlier.seq, earlier.sent_ms), None)

    def find_stored(self) -> Any:
        """The message that Postgres has under this id. While Postgres is down, live chat goes on without asking: an old
        id that slips through then is caught when it comes to be stored (services/drain/store_log.py)."""
        now = now_ms()
        if surely_new(self.id, now_ms=now, marks_since_ms=self.path.marks_since_ms(now)):
            return None
        try:
            return self.path.stored_ids.ask((self.conversation_id, self.id))
        except Overloaded:
            return None

    def submit(self) -> None:
        """To the log, behind those that wait for the same conversation to come into Redis."""
        if self.path.is_warm(self.conversation_id):
            self.append()
        else:
            self.path.when_hydrated(self.conversation_id, self.submit_hydrated)

    def append(self) -> None:
        body = encode_body(self.body())
        operation = Operation(Kind.MESSAGE, self.conversation_id, self.user_id, self.id, body, self.session_id)
        self.path.append.submit(operation, self.decided)

    def body(self) -> MessageBody:
        command = self.command
        body = MessageBody(
            id=self.id, sender_id=self.user_id, message=command.message, kind=command.kind or "text", attachments=[]
        )
        receiver = command.receiver_id or self.path.directs.peer(self.conversation_id, self.user_id)
        if receiver is not None:
            body.receiver_id = receiver
        if command.reply_to is not None:
            body.reply_to = command.reply_to.lower()
        return self.details.onto(body)

    def decided(self, decision: Decision, error: ParleyError | None) -> None:
        if error is not None:
            self.outcome(None, error)
            return
        what, seq, version, sent_ms = decision
        if what in (Decided.DONE, Decided.PENDING):
            self.path.counters["sends"] += 1
            self.expect(seq, version, sent_ms)
        elif what == Decided.STORED:
            self.outcome(self.ack(seq, sent_ms), None)
        elif what == Decided.UNKNOWN and self.hydrated < 2:
            self.hydrated += 1
            self.path.went_cold(self.conversation_id)
            self.path.when_hydrated(self.conversation_id, self.submit_hydrated)
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
                self.path.ack_times.observe(time.monotonic() - accepted)
                self.outcome(self.ack(seq, sent_ms), None)
            else:
                self.outcome(None, error)

        self.path.confirmations.expect(version, confirmed)

    def ack(self, seq: int, sent_ms: int) -> Answer:
        return {
            "id": self.id,
            "conversationId": self.conversation_id,
            "seq": seq,
            "sentAt": rfc3339(sent_ms),
            "status": "stored",
        }


def refusal(what: int) -> ParleyError:
    """The error for an operation that append.lua did not carry out."""
    if what == Decided.ID_CONFLICT:
        return Conflict("This id is another message's.")
    if what == Decided.NOT_A_MEMBER:
        return NotFound()
    if what == Decided.FORBIDDEN:
        return Forbidden("You have blocked this person, or their account is deleted.")
    if what == Decided.FULL:
        return Overloaded("The log is full: the store does not keep up.", retry_after=5.0)
    return Overloaded()
