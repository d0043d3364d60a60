"""Not to hear from somebody. The other is never told, and sees what they would see of somebody who is away."""

from __future__ import annotations

from app.core.accounts import UserList
from app.core.errors import Invalid, NotFound
from app.message_log.conversations import set_blockers
from app.redis_calls import asking
from app.services.accounts.announce import announce_block
from app.services.messaging.message_path import MessagePath
from app.services.reading.user_json import view_of
from app.store import blocks
from app.store.direct_pairs import blockers, find_direct
from app.store.engine import reading, writing

TRIES = 5


def block_user(path: MessagePath, user_id: int, blocked_id: int) -> None:
    """Safe to repeat. Raise Invalid for oneself, NotFound for somebody who is no user, Overloaded."""
    if blocked_id == user_id:
        raise Invalid.field("userId", "this is yourself")
    with writing(path.engine) as connection:
        if not blocks.block(connection, user_id, blocked_id):
            raise NotFound("No such user.")
    tell_log(path, user_id, blocked_id)
    announce_block(path.redis, user_id, blocked_id)


def unblock_user(path: MessagePath, user_id: int, blocked_id: int) -> None:
    """Safe to repeat, also for whom one never blocked. Raise Overloaded."""
    with writing(path.engine) as connection:
        blocks.unblock(connection, user_id, blocked_id)
    tell_log(path, user_id, blocked_id)


def list_blocked(path: MessagePath, user_id: int) -> UserList:
    """Whom the user has blocked, the newest first."""
    with reading(path.engine) as connection:
        return UserList([view_of(user, last_seen=False) for user in blocks.blocked_by(connection, user_id)])


def tell_log(path: MessagePath, one: int, other: int) -> None:
    """Have Redis know of the direct conversation of the two what Postgres says now of who can write in it.

    Where it is not in Redis, a gateway that just brings it there may have read Postgres too early: so it is brought in
    here, after which nobody else's copy counts. Of several who tell at once, the last one looks again after it told.
    """
    with reading(path.engine) as connection:
        conversation_id = find_direct(connection, one, other)
        if conversation_id is None:
            return
        told = blockers(connection, conversation_id, one, other)
    for _ in range(TRIES):
        _tell(path, conversation_id, told)
        with reading(path.engine) as connection:
            now = blockers(connection, conversation_id, one, other)
        if now == told:
            return
        told = now


def _tell(path: MessagePath, conversation_id: int, unable: list[int]) -> None:
    if not asking(lambda: set_blockers(path.redis, conversation_id, unable)):
        path.hydrate(conversation_id)
        asking(lambda: set_blockers(path.redis, conversation_id, unable))
