"""Conversations that a member cleared for themselves.

``members.visible_from`` is the one rule of visibility: a member sees only messages with a greater seq.
Clearing raises it, as joining a group without its history does. Every read of messages compares with it (history,
lists, unread, search, resume, pins, stars, media, quotations, exports, pushes). None of them needs code for clearing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.core.kinds import Kind
from app.core.records import ClearBody, Record, encode_body
from app.store.distribution import ListStatement
from app.store.noted_changes import among

# If the membership began after the clearing, ``visible_from`` is that of a new member, and there is no event.
_SINCE = ListStatement(
    """
    SELECT conversation_id, visible_from, cleared_version, removed_seq IS NOT NULL
    FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members ON conversation_id = wanted.id AND user_id = :user_id AND left_seq IS NULL
        AND cleared_version > :version AND cleared_version > joined_version
    ORDER BY cleared_version
""",
    "conversations",
)


def cleared_since(
    conn: Connection, user_id: int, version: int, conversations: Sequence[int] | None = None
) -> list[Record]:
    """Returns the conversations that the user cleared after ``version``, as records of the log. ``conversations`` are
    those that changed after ``version``, if the caller has them.
    """
    wanted = among(conn, user_id, version, conversations)
    rows = _SINCE.rows(conn, user_id=user_id, version=version, conversations=wanted)
    return [
        Record(Kind.CLEARED, conversation, seq, at, 0, user_id, "", encode_body(ClearBody(removed=removed)), "", "")
        for conversation, seq, at, removed in rows
    ]
