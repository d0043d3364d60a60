"""Give a change of a message or a group to the log, and answer once Postgres has it."""

from __future__ import annotations

from typing import Any

from app.core.errors import Conflict, Forbidden, Invalid, NotFound, ParleyError
from app.message_log.append import Decided, Decision, Operation
from app.services.messaging.message_path import MessagePath
from app.services.messaging.send_message import Outcome, refusal


def submit_change(path: MessagePath, operation: Operation, answer: dict[str, Any], outcome: Outcome) -> None:
    """Never blocks, never raises. ``outcome(answer, None)`` once it is committed, also where nothing had to change, or
    ``outcome(None, error)``. ``answer`` gets the ``seq`` of a system message that was made."""

    def confirmed(error: ParleyError | None) -> None:
        outcome(None if error else answer, error)

    def decided(decision: Decision, error: ParleyError | None) -> None:
        if error is not None:
            outcome(None, error)
            return
        what, seq, version, _ = decision
        if what in (Decided.DONE, Decided.PENDING, Decided.UNCHANGED_PENDING):
            answer.setdefault("seq", seq)
            path.confirmations.expect(version, confirmed)
        elif what in (Decided.STORED, Decided.UNCHANGED):
            answer.setdefault("seq", seq)
            outcome(answer, None)
        else:
            outcome(None, change_refusal(what))

    path.carry_out(path.change, operation, decided)


def change_refusal(what: int) -> ParleyError:
    """The error for a change that change.lua did not carry out: its own reasons, and those of any operation."""
    refusals: dict[int, ParleyError] = {
        Decided.NOT_FOUND: NotFound(),
        Decided.FORBIDDEN: Forbidden("Your role does not allow this."),
        Decided.LAST_OWNER: Conflict("A group keeps an owner: make somebody else owner first."),
        Decided.TOO_MANY: Invalid.field("userIds", "the group would have too many members"),
    }
    return refusals.get(what) or refusal(what)
