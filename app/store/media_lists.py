"""The messages of a conversation that have media of some kinds, newest first."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from app.store.layout import is_distributed
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, OneForm, structs

# Uses of media that one look-up reads, besides the rest of the last message's. A page may be partial, or even empty, if
# media of the kinds are rare.
SCANNED = 2000


class MediaPage(Struct, frozen=True):
    """``next`` continues before this seq; None at the end."""

    messages: list[StoredMessage]
    next: int | None


# Walks the index of uses by conversation and seq.
_PAGE = OneForm(f"""
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


# In parts, for distributed conversations.
_FLOOR = HotStatement("""
    SELECT visible_from FROM members
    WHERE conversation_id = :conversation_id AND user_id = :user_id AND left_seq IS NULL
""")
_SCANNED = HotStatement(f"""
    SELECT u.seq, d.kind = ANY(CAST(:kinds AS text[])) AND d.state IN ('processing', 'ready')
    FROM media_uses AS u LEFT JOIN media AS d ON d.id = u.media_id
    WHERE u.conversation_id = :conversation_id AND u.seq < :before AND u.seq > :floor
    ORDER BY u.seq DESC FETCH FIRST {SCANNED} ROWS WITH TIES
""")
_OF_SEQS = HotStatement(f"""
    SELECT {columns("x")} FROM messages AS x
    WHERE x.conversation_id = :conversation_id AND x.seq = ANY(CAST(:seqs AS bigint[]))
      AND x.deleted_at IS NULL AND {not_hidden("x", ":user_id")}
    ORDER BY x.seq DESC LIMIT :limit
""")


def messages_with_media(
    conn: Connection, conversation_id: int, *, user_id: int, kinds: Collection[str], before: int, limit: int
) -> MediaPage:
    """Returns at most ``limit`` messages with seqs below ``before`` that the user, as a member, sees."""
    place = {"conversation_id": conversation_id, "user_id": user_id, "before": before}
    values = {**place, "kinds": text_array(kinds), "limit": limit + 1}
    if is_distributed(conn):
        uses, last, found = _page_in_parts(conn, values)
    else:
        rows = _PAGE.rows(conn, **values)
        uses, last = rows[0][:2]
        found = [StoredMessage(*row[2:]) for row in rows if row[2] is not None]
    if len(found) > limit:
        return MediaPage(found[:limit], found[limit - 1].seq)
    return MediaPage(found, last if uses >= SCANNED else None)


def _page_in_parts(conn: Connection, values: dict[str, Any]) -> tuple[int, int | None, list[StoredMessage]]:
    """Returns the number of uses that were looked through, the seq of the last one, and the messages."""
    floor = _FLOOR.row(conn, **values)
    if floor is None:
        return 0, None, []
    scanned = _SCANNED.rows(conn, **values, floor=floor[0])
    seqs = int_array({seq for seq, is_wanted in scanned if is_wanted})
    found = structs(StoredMessage, _OF_SEQS.rows(conn, **values, seqs=seqs))
    return len(scanned), scanned[-1][0] if scanned else None, found
