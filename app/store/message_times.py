"""The place of a moment in a conversation, by a binary search over the primary key: no index by time is needed."""

from __future__ import annotations

from sqlalchemy import Connection

from app.store.sql import HotStatement, moment

# Times rise with the seqs, unless a server's clock was set back; then the result is a place near the moment.
# ``lo`` to ``hi`` contains the result; a seq between them may be missing.
_SEQ_AT = HotStatement("""
    WITH RECURSIVE narrowed (lo, hi) AS (
        SELECT m.visible_from + 1, c.last_seq + 1 FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
        WHERE m.conversation_id = :conversation_id AND m.user_id = :user_id AND m.left_seq IS NULL
        UNION ALL
        SELECT CASE WHEN found.sent_at < :at THEN found.seq + 1 ELSE lo END,
               CASE WHEN found.sent_at < :at THEN hi ELSE (lo + hi) / 2 END
        FROM narrowed LEFT JOIN LATERAL (
            SELECT x.seq, x.sent_at FROM messages AS x
            WHERE x.conversation_id = :conversation_id AND x.seq >= (lo + hi) / 2 ORDER BY x.seq LIMIT 1
        ) AS found ON true
        WHERE lo < hi
    )
    SELECT max(lo) FROM narrowed
""")


def seq_at(conn: Connection, conversation_id: int, user_id: int, at_ms: int) -> int:
    """Returns the seq of the first message that was sent at this time or later; one beyond the last if there is none.

    Reads about 20 rows in a conversation of a million messages. Returns 1 if the user is not a member.
    """
    row = _SEQ_AT.row(conn, conversation_id=conversation_id, user_id=user_id, at=moment(at_ms))
    return int(row[0] or 1) if row else 1
