"""Who does not want to hear from whom, and who is no longer there to hear."""

from __future__ import annotations

from sqlalchemy import Connection

from app.store.sql import HotStatement, structs
from app.store.users import USER_COLUMNS, StoredUser

# Nobody blocks so many by hand; past it the newest are shown.
BLOCKS_SHOWN = 1000

_BLOCK = HotStatement("""
    WITH made AS (
        INSERT INTO blocks (user_id, blocked_id)
        SELECT :user_id, id FROM users WHERE id = :blocked_id AND deleted_at IS NULL
        ON CONFLICT DO NOTHING
    )
    SELECT EXISTS (SELECT FROM users WHERE id = :blocked_id AND deleted_at IS NULL)
""")
_UNBLOCK = HotStatement("DELETE FROM blocks WHERE user_id = :user_id AND blocked_id = :blocked_id RETURNING 1")
_UNBLOCK_ALL = HotStatement("DELETE FROM blocks WHERE user_id = :user_id OR blocked_id = :user_id RETURNING 1")
_BLOCKED = HotStatement(f"""
    SELECT {USER_COLUMNS} FROM users
    JOIN (SELECT blocked_id, created_at AS since FROM blocks WHERE user_id = :user_id) AS b ON b.blocked_id = users.id
    ORDER BY b.since DESC, users.id LIMIT {BLOCKS_SHOWN}
""")


def blockers_of(conversation: str, one: str, other: str) -> str:
    """SQL: which of the two of a direct conversation cannot write in it. They have blocked the other, or the other's
    account is deleted and its removal has come so far."""
    return f"""
        SELECT b.user_id FROM blocks AS b
        WHERE (b.user_id = {one} AND b.blocked_id = {other}) OR (b.user_id = {other} AND b.blocked_id = {one})
        UNION
        SELECT {one} + {other} - d.user_id FROM account_deletions AS d
        WHERE d.user_id IN ({one}, {other}) AND {one} <> {other}
          AND (d.finished_at IS NOT NULL OR d.conversation_id > {conversation})
        ORDER BY 1"""


_BETWEEN = HotStatement(
    blockers_of("CAST(:conversation_id AS bigint)", "CAST(:one AS bigint)", "CAST(:other AS bigint)")
)


def block(conn: Connection, user_id: int, blocked_id: int) -> bool:
    """Safe to repeat. False where there is no such user."""
    return bool(_BLOCK.rows(conn, user_id=user_id, blocked_id=blocked_id)[0][0])


def unblock(conn: Connection, user_id: int, blocked_id: int) -> None:
    """Safe to repeat."""
    _UNBLOCK.rows(conn, user_id=user_id, blocked_id=blocked_id)


def unblock_all(conn: Connection, user_id: int) -> None:
    """Forget the blocks by this user and of this user."""
    _UNBLOCK_ALL.rows(conn, user_id=user_id)


def blocked_by(conn: Connection, user_id: int) -> list[StoredUser]:
    """Whom the user has blocked, the newest first, at most ``BLOCKS_SHOWN``."""
    return structs(StoredUser, _BLOCKED.rows(conn, user_id=user_id))


def blockers(conn: Connection, conversation_id: int, one: int, other: int) -> list[int]:
    """Which of the two cannot write in their conversation."""
    return [user for (user,) in _BETWEEN.rows(conn, conversation_id=conversation_id, one=one, other=other)]
