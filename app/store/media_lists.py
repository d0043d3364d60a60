"""The messages of a conversation that have media of some kinds, newest first."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import Connection

from app.store.messages import StoredMessage, columns, not_hidden
from app.store.pg_arrays import text_array
from app.store.sql import HotStatement

# Uses of media that one look-up reads, besides the rest of the last message's. A page may be partial, or even empty, if
# media of the kinds are rare.
SCANNED = 2000


class MediaPage(Struct, frozen=True):
    """``next`` continues before this seq; None at the end."""

    messages: list[StoredMessage]
    next: int | None


# Walks the index of uses by conversation and seq.
_PAGE = HotStatement(f"""
    WITH scanned AS MATERIALIZED (
        SELECT u.media_id, u.seq FROM media_uses AS u
        JOIN members AS m ON m.conversation_id = u.conversation_id AND m.user_id = :user_id AND m.left_seq IS NULL
            AND u.seq > m.visible_from
        WHERE u.conversation_id = :conversation_id AND u.seq < :before
        ORDER BY u.seq DESC FETCH FIRST {SCANNED} ROWS WITH TIES
    ), walk AS (SELECT count(*) AS uses, min(seq) AS last FROM scanned), page AS (
        SELECT DISTINCT s.seq FROM scanned AS s
        JOIN media AS d ON d.id = s.media_id AND d.kind = ANY(CAST(:kinds AS text[]))
            AND d.state IN ('processing', 'ready')
        JOIN messages AS y ON y.conversation_id = :conversation_id AND y.seq = s.seq
            AND y.deleted_at IS NULL AND {not_hidden("y", ":user_id")}
        ORDER BY s.seq DESC LIMIT :limit
    )
    SELECT walk.uses, walk.last, {columns("x")} FROM walk
    LEFT JOIN page ON true
    LEFT JOIN messages AS x ON x.conversation_id = :conversation_id AND x.seq = page.seq
    ORDER BY x.seq DESC
""")


def messages_with_media(
    conn: Connection, conversation_id: int, *, user_id: int, kinds: Collection[str], before: int, limit: int
) -> MediaPage:
    """Returns at most ``limit`` messages with seqs below ``before`` that the user, as a member, sees."""
    place = {"conversation_id": conversation_id, "user_id": user_id, "before": before}
    rows = _PAGE.rows(conn, **place, kinds=text_array(kinds), limit=limit + 1)
    uses, last = rows[0][:2]
    found = [StoredMessage(*row[2:]) for row in rows if row[2] is not None]
    if len(found) > limit:
        return MediaPage(found[:limit], found[limit - 1].seq)
    return MediaPage(found, last if uses >= SCANNED else None)
