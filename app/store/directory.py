"""Which users a viewer knows already: those of common conversations, and those who wrote a request or were blocked."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.store.pg_arrays import int_array
from app.store.sql import HotStatement
from app.store.users import StoredUser, get_users

_ACQUAINTED = HotStatement("""
    SELECT u FROM unnest(CAST(:ids AS bigint[])) AS u
    WHERE u = :viewer
       OR EXISTS (SELECT FROM members AS mine
                  JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id AND theirs.user_id = u
                  WHERE mine.user_id = :viewer)
       OR EXISTS (SELECT FROM requests WHERE user_id = :viewer AND from_id = u)
       OR EXISTS (SELECT FROM blocks WHERE user_id = :viewer AND blocked_id = u)
""")
# People of common conversations, by the beginning of a name.
_NAMED = HotStatement("""
    SELECT u.id FROM users AS u
    WHERE u.deleted_at IS NULL AND u.id IN (
        SELECT theirs.user_id FROM members AS mine
        JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
        WHERE mine.user_id = :viewer AND mine.left_seq IS NULL AND coalesce(theirs.left_seq, 0) = 0)
      AND (starts_with(u.username, :prefix) OR starts_with(lower(u.display_name), :prefix))
    ORDER BY u.username LIMIT :limit
""")


def acquainted(conn: Connection, viewer: int, user_ids: Sequence[int]) -> set[int]:
    """Returns those of the ids whose users the viewer has met: common conversations, requests, own blocks."""
    return {user for (user,) in _ACQUAINTED.rows(conn, viewer=viewer, ids=int_array(user_ids))} if user_ids else set()


def contacts_named(conn: Connection, viewer: int, prefix: str, limit: int) -> list[StoredUser]:
    """Returns people of the viewer's conversations whose names begin with ``prefix``, by username."""
    rows = _NAMED.rows(conn, viewer=viewer, prefix=prefix.strip().lower(), limit=limit)
    found = get_users(conn, [user for (user,) in rows])
    return [found[user] for (user,) in rows if user in found]
