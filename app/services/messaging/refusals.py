"""The errors for operations that append.lua refuses."""

from __future__ import annotations

from collections.abc import Callable

from app.core.errors import Conflict, Forbidden, NotFound, Overloaded, ParleyError, Stopped
from app.message_log.append import Decided, Decision

STILL_GROWS = "The message is still being written."


def refusal(what: int) -> ParleyError:
    """Returns the error for an operation that append.lua refused."""
    refusals: dict[int, ParleyError] = {
        Decided.ID_CONFLICT: Conflict("This id belongs to another message."),
        Decided.NOT_A_MEMBER: NotFound(),
        Decided.FORBIDDEN: Forbidden("You have blocked this person, or their account is deleted."),
        Decided.READ_ONLY: Forbidden("Only owners and admins can write in this group."),
        Decided.STOPPED: Stopped(),
        Decided.FULL: Overloaded("The log is full: Postgres cannot keep up.", retry_after=5.0),
    }
    return refusals.get(what) or Overloaded()


def on_decision(outcome: Callable[[ParleyError | None], None]) -> Callable[[Decision, ParleyError | None], None]:
    """Returns a function that takes the decision, and calls ``outcome(None)`` if it is DONE, or ``outcome(error)``."""

    def decided(decision: Decision, error: ParleyError | None) -> None:
        if error is not None or decision[0] == Decided.DONE:
            outcome(error)
        else:
            outcome(refusal(decision[0]))

    return decided
