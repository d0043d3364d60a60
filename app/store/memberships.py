"""The conversations of users."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.store.distribution import UserStatement
from app.store.pg_arrays import int_array

_OF_USERS = UserStatement("""
    SELECT m.user_id, m.conversation_id
    FROM unnest(CAST(:users AS bigint[])) AS wanted (u) JOIN members AS m ON m.user_id = u AND m.left_seq IS NULL
""")


def conversations_of(conn: Connection, user_ids: Sequence[int]) -> dict[int, set[int]]:
    """Returns user -> conversations of which they are a member now. Every user is in the result."""
    found: dict[int, set[int]] = {user_id: set() for user_id in user_ids}
    for user_id, conversation_id in _OF_USERS.rows(conn, user_ids, users=int_array(user_ids)):
        found[user_id].add(conversation_id)
    return found
