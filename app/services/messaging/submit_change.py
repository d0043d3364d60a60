"""Submits a change of a message or a group to the log, and answers once Postgres has stored it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Overloaded, ParleyError
from app.core.kinds import Kind
from app.message_log.append import Decided, Decision, Operation
from app.message_log.confirmations import ConfirmationsOf
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.prepared import Prepared
from app.services.messaging.refusals import refusal

Outcome = Callable[[dict[str, Any] | None, ParleyError | None], None]


class ChangeSubmitter:
    def __init__(
        self, *, log: LogWriter, confirmations: ConfirmationsOf, is_shadowed: Callable[[int], bool] = lambda _: False
    ) -> None:
        self._is_shadowed = is_shadowed
        self._log = log
        self._confirmations = confirmations

    def submit(self, prepared: Prepared, outcome: Outcome) -> None:
        """Never blocks, never raises. Calls ``outcome(answer, None)`` once the change is committed, also if nothing had
        to change, or ``outcome(None, error)``.
        """
        if self._is_shadowed(prepared.operation.user_id) and _changes_a_group(prepared.operation):
            outcome(None, change_refusal(Decided.FORBIDDEN))
            return
        answer = prepared.answer

        def confirmed(error: ParleyError | None) -> None:
            outcome(None if error else answer, error)

        def decided(decision: Decision, error: ParleyError | None) -> None:
            if error is not None:
                outcome(None, error)
                return
            what, seq, version, _ = decision
            if what in (Decided.DONE, Decided.PENDING, Decided.UNCHANGED_PENDING):
                _add_seq(prepared, seq)
                self._confirmations.of(prepared.operation.conversation_id).expect(version, confirmed)
            elif what in (Decided.STORED, Decided.UNCHANGED):
                _add_seq(prepared, seq)
                outcome(answer, None)
            else:
                outcome(None, change_refusal(what))

        self._log.change(prepared.operation, decided)


def _changes_a_group(operation: Operation) -> bool:
    """Returns whether others would see the change. Users with a shadow suspension may leave groups, and create groups
    in which they are the only member. Users whom they add get a request (store/admissions.py), so nobody is added here.
    """
    if operation.kind != Kind.GROUP_CHANGED or not isinstance(operation.what, list):
        return False
    act, *details = operation.what
    return act not in ("created", "left") and not (act == "added" and len(details) == 1)


def _add_seq(prepared: Prepared, seq: int) -> None:
    """Adds the seq that the log returned (``Prepared.names_seq``), unless the ack already has the seq of a message."""
    if seq and prepared.names_seq:
        prepared.answer.setdefault("seq", seq)


def change_refusal(what: int) -> ParleyError:
    """Returns the error for a change that change.lua refused."""
    refusals: dict[int, ParleyError] = {
        Decided.NOT_FOUND: NotFound(),
        Decided.FORBIDDEN: Forbidden("Your role does not allow this."),
        Decided.LAST_OWNER: Conflict("A group needs an owner: make another member owner first."),
        Decided.VERSION_CONFLICT: Conflict("The message has been edited in the meantime."),
        Decided.STALE: Overloaded("Redis has just lost messages: send it again.", retry_after=0.1),
        Decided.TOO_MANY: Invalid.field("userIds", "the group would have too many members"),
    }
    return refusals.get(what) or refusal(what)
