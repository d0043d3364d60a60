"""The members whom a text mentions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.store.layout import is_distributed
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, OneForm

_NAMED = OneForm("""
    SELECT u.username, u.id FROM unnest(CAST(:names AS text[])) AS named (name)
    JOIN users AS u ON u.username = name
    JOIN members AS m ON m.conversation_id = :conversation_id AND m.user_id = u.id AND coalesce(m.left_seq, 0) = 0
""")
# In parts, for distributed conversations.
_USERS = HotStatement("SELECT username, id FROM users WHERE username = ANY(CAST(:names AS text[]))")
_MEMBERS = HotStatement("""
    SELECT user_id FROM members
    WHERE conversation_id = :conversation_id AND user_id = ANY(CAST(:users AS bigint[])) AND coalesce(left_seq, 0) = 0
""")


def members_named(conn: Connection, conversation_id: int, usernames: Sequence[str]) -> dict[str, int]:
    """Returns username -> user of those members of the conversation who have one of these usernames."""
    names = text_array(sorted(set(usernames)))
    if not is_distributed(conn):
        return dict(_NAMED.rows(conn, conversation_id=conversation_id, names=names))
    users = dict(_USERS.rows(conn, names=names))
    members = _MEMBERS.rows(conn, conversation_id=conversation_id, users=int_array(users.values()))
    there = {user for (user,) in members}
    return {name: user for name, user in users.items() if user in there}
