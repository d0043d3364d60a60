"""Membership that Postgres does not have yet."""

from __future__ import annotations

from collections.abc import Callable

from app.core.errors import NotFound, Overloaded
from app.message_log.tails import Tail, Tails

# Returns whether this version of a conversation is stored, after waiting for it as long as a client waits for an ack.
# May block.
WaitUntilStored = Callable[[int, int], bool]


def check_member(tail: Tail, user_id: int, conversation_id: int, *, wait_until_stored: WaitUntilStored) -> None:
    """Checks a membership that changed a moment ago, before a read from Postgres. May block.

    Raises NotFound if the user was removed. If the user was added, waits until Postgres has it, and raises Overloaded
    if that takes too long.
    """
    change = tail.change_of(user_id, conversation_id)
    if change is None:
        return
    if user_id in change.left:
        raise NotFound
    if not wait_until_stored(conversation_id, change.version):
        raise Overloaded("The store does not have this membership yet.")


def wait_for_arrivals(tails: Tails, user_id: int, *, wait_until_stored: WaitUntilStored) -> None:
    """Before a list is read from Postgres, gives Postgres time to store the conversations that the user joined a moment
    ago. Stops at the first shard that takes too long. May block.
    """
    for _, tail in tails.by_part:
        joined = [change for change in tail.memberships if user_id in change.joined]
        if joined and not wait_until_stored(joined[-1].conversation_id, joined[-1].version):
            return
