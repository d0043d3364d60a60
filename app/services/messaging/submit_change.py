"""Submits a change of a message or a group to the log, and answers once Postgres has stored it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.core.errors import Conflict, Forbidden, Invalid, NotFound, Overloaded, ParleyError
from app.message_log.append import Decided, Decision
from app.message_log.confirmations import Confirmations
from app.services.messaging.change_message import Prepared
from app.services.messaging.log_writer import LogWriter
from app.services.messaging.refusals import refusal

Outcome = Callable[[dict[str, Any] | None, ParleyError | None], None]


class ChangeSubmitter:
    def __init__(self, *, log: LogWriter, confirmations: Confirmations) -> None:
        self._log = log
        self._confirmations = confirmations

    def submit(self, prepared: Prepared, outcome: Outcome) -> None:
        """Never blocks, never raises. Calls ``outcome(answer, None)`` once the change is committed, also if nothing had
        to change, or ``outcome(None, error)``. The answer gets the ``seq`` of a system message that the change made.
        """
        answer = prepared.answer

        def confirmed(error: ParleyError | None) -> None:
            outcome(None if error else answer, error)

        def decided(decision: Decision, error: ParleyError | None) -> None:
            if error is not None:
                outcome(None, error)
                return
            what, seq, version, _ = decision
            if what in (Decided.DONE, Decided.PENDING, Decided.UNCHANGED_PENDING):
                answer.setdefault("seq", seq)
                self._confirmations.expect(version, confirmed)
            elif what in (Decided.STORED, Decided.UNCHANGED):
                answer.setdefault("seq", seq)
                outcome(answer, None)
            else:
                outcome(None, change_refusal(what))

        self._log.change(prepared.operation, decided)


def change_refusal(what: int) -> ParleyError:
    """Returns the error for a change that change.lua refused."""
    refusals: dict[int, ParleyError] = {
        Decided.NOT_FOUND: NotFound(),
        Decided.FORBIDDEN: Forbidden("Your role does not allow this."),
        Decided.LAST_OWNER: Conflict("A group needs an owner: make another member owner first."),
        Decided.VERSION_CONFLICT: Conflict("The message was edited since."),
        Decided.STALE: Overloaded("Redis lost messages meanwhile: send it again.", retry_after=0.1),
        Decided.TOO_MANY: Invalid.field("userIds", "the group would have too many members"),
    }
    return refusals.get(what) or refusal(what)
