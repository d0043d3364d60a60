"""Whether somebody is a member, where Postgres does not know yet."""

from __future__ import annotations

from app.core.errors import NotFound, Overloaded, ParleyError
from app.message_log.conversations import Tail
from app.services.messaging.message_path import MessagePath
from app.services.messaging.waiting import wait_for_result


def check_member(path: MessagePath, tail: Tail, user_id: int, conversation_id: int) -> None:
    """Before a read from Postgres. Raise NotFound for whoever was removed a moment ago; wait for the store where they
    came a moment ago, and raise Overloaded where it does not follow in time. May block.
    """
    change = tail.change_of(user_id, conversation_id)
    if change is None:
        return
    if user_id in change.went:
        raise NotFound
    if not _is_stored_in_time(path, change.version):
        raise Overloaded("The store does not know of this membership yet.")


def wait_for_arrivals(path: MessagePath, tail: Tail, user_id: int) -> None:
    """Before a list is read from Postgres: give it time to know what the user came to a moment ago. May block."""
    came = [change.version for change in tail.memberships if user_id in change.came]
    if came:
        _is_stored_in_time(path, came[-1])


def _is_stored_in_time(path: MessagePath, version: int) -> bool:
    def expect(outcome: object) -> None:
        def confirmed(error: ParleyError | None) -> None:
            outcome(None if error else {}, error)  # type: ignore[operator]

        path.confirmations.expect(version, confirmed)

    return wait_for_result(expect, path.settings.ack_wait_seconds) is not None
