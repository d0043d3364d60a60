"""Delivered and read marks: one number a member, moved forward only, by the same log as messages."""

from __future__ import annotations

from functools import partial

from app.core.errors import ParleyError
from app.core.records import Kind
from app.message_log.append import Decided, Decision, Operation
from app.services.messaging.message_path import MessagePath
from app.services.messaging.send_message import Outcome, refusal


def move_mark(path: MessagePath, kind: Kind, user_id: int, conversation_id: int, seq: int, outcome: Outcome) -> None:
    """Never blocks, never raises. ``outcome`` comes once the mark is stored, also where it was further on already.

    A seq beyond the last message means "all there is". The answer's ``seq`` is where the mark stands; in a large
    conversation, where marks are gathered, how far it was asked to be at most: it may stand further on.
    """
    operation = Operation(kind, conversation_id, user_id, seq)

    def confirmed(stands: int, error: ParleyError | None) -> None:
        answer = {"conversationId": conversation_id, "seq": stands, "status": "stored"}
        outcome(None if error else answer, error)

    def gathered(last_seq: int, error: ParleyError | None) -> None:
        """The log passes over those marks of a gathering that are no member's, and does not say whose."""
        if error is not None:
            outcome(None, error)
        else:
            path.members.ask(conversation_id, user_id, partial(confirmed, min(seq, last_seq)))

    def decided(decision: Decision, error: ParleyError | None) -> None:
        if error is not None:
            outcome(None, error)
            return
        what, stands, version, _ = decision
        if what in (Decided.DONE, Decided.UNCHANGED_PENDING):
            path.confirmations.expect(version, partial(confirmed, stands))
        elif what == Decided.UNCHANGED:
            confirmed(stands, None)
        elif what == Decided.DEFER:
            path.marks.note_large(conversation_id)
            path.marks.note(kind, conversation_id, user_id, seq, gathered)
        else:
            outcome(None, refusal(what))

    def begin(error: ParleyError | None) -> None:
        if error is not None:
            outcome(None, error)
        elif path.marks.is_large(conversation_id):
            path.marks.note(kind, conversation_id, user_id, seq, gathered)
        else:
            path.carry_out(path.append, operation, decided)

    path.rates.marks.spend(user_id, begin)


def note_delivered(path: MessagePath, user_id: int, conversation_id: int, seq: int) -> None:
    """A delivered mark that nobody waits for. Should it be refused, the next delivery moves past it."""
    if path.marks.is_large(conversation_id):
        path.marks.note(Kind.DELIVERED, conversation_id, user_id, seq)
        return
    operation = Operation(Kind.DELIVERED, conversation_id, user_id, seq)

    def decided(decision: Decision, error: ParleyError | None) -> None:
        if error is None and decision[0] == Decided.DEFER:
            path.marks.note_large(conversation_id)
            path.marks.note(Kind.DELIVERED, conversation_id, user_id, seq)

    path.carry_out(path.append, operation, decided)
