"""Unread counts for conversations whose newest changes are not in Postgres yet."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text

_COUNT = text("""
    SELECT c.id, c.last_seq, (
        SELECT count(*) FROM messages x
        WHERE x.conversation_id = c.id AND x.seq > greatest(m.last_read_seq, t.read_seq) AND x.sender_id <>
        m.user_id
    )
    FROM unnest(CAST(:ids AS bigint[]), CAST(:reads AS bigint[])) AS t(id, read_seq)
    JOIN conversations c ON c.id = t.id
    JOIN members m ON m.conversation_id = c.id AND m.user_id = :user_id
""")


def count_with_floor(conn: Connection, user_id: int, floors: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """conversation -> (last stored seq, unread among the stored), of one moment.

    ``floors``: conversation -> how far the user read, where that is further than Postgres knows (0 where it
    is not).
    """
    ids = list(floors)
    parameters = {"ids": ids, "reads": [floors[i] for i in ids], "user_id": user_id}
    return {row[0]: (row[1], row[2]) for row in conn.execute(_COUNT, parameters)}
