"""The members whom a text mentions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.store.pg_arrays import text_array
from app.store.sql import HotStatement

_NAMED = HotStatement("""
    SELECT u.id FROM unnest(CAST(:names AS text[])) AS named (name)
    JOIN users AS u ON u.username = name
    JOIN members AS m ON m.conversation_id = :conversation_id AND m.user_id = u.id AND coalesce(m.left_seq, 0) = 0
    ORDER BY u.id
""")


def members_named(conn: Connection, conversation_id: int, usernames: Sequence[str]) -> list[int]:
    """Returns the members of the conversation who have these usernames."""
    names = text_array(sorted(set(usernames)))
    return [user for (user,) in _NAMED.rows(conn, conversation_id=conversation_id, names=names)]
