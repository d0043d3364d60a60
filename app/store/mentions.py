"""The members whom a text mentions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.store.pg_arrays import text_array
from app.store.sql import HotStatement

_NAMED = HotStatement("""
    SELECT u.username, u.id FROM unnest(CAST(:names AS text[])) AS named (name)
    JOIN users AS u ON u.username = name
    JOIN members AS m ON m.conversation_id = :conversation_id AND m.user_id = u.id AND coalesce(m.left_seq, 0) = 0
""")


def members_named(conn: Connection, conversation_id: int, usernames: Sequence[str]) -> dict[str, int]:
    """Returns username -> user of those members of the conversation who have one of these usernames."""
    names = text_array(sorted(set(usernames)))
    return dict(_NAMED.rows(conn, conversation_id=conversation_id, names=names))
