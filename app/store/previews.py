"""Previews of messages, for the replies that quote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.distribution import ListStatement
from app.store.pg_arrays import int_array, text_array


class Preview(NamedTuple):
    """``body`` is None if the message is deleted. ``hidden_from`` are users of a direct conversation who do not see it;
    it is empty if the preview is for one viewer.
    """

    id: str
    seq: int
    sender_id: int
    body: str | None
    hidden_from: tuple[int, ...] = ()


_PREVIEW = "x.seq, x.sender_id, CASE WHEN x.deleted_at IS NULL THEN coalesce(x.body, '') END"
# A message that was sent behind a block is hidden with its own first version. A message that a viewer deleted for
# themselves is hidden with a later version: the viewer could read it, so live events and reads still quote it.
_PREVIEWS = ListStatement(
    f"""
    SELECT n, {_PREVIEW}, x.shadow, ARRAY(
        SELECT h.user_id FROM conversations AS d
        JOIN hidden_messages AS h ON h.user_id IN (d.direct_low, d.direct_high)
            AND h.conversation_id = d.id AND h.seq = x.seq AND h.version = x.created_version
        WHERE d.id = x.conversation_id)
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (c, i, n)
    JOIN messages AS x ON x.id = i AND x.conversation_id = c
""",
    "conversations",
)
_PREVIEWS_FOR = ListStatement(
    f"""
    SELECT n, {_PREVIEW}
    FROM unnest(CAST(:viewers AS bigint[]), CAST(:conversations AS bigint[]), CAST(:ids AS uuid[]))
        WITH ORDINALITY AS wanted (u, c, i, n)
    JOIN messages AS x ON x.id = i AND x.conversation_id = c
    JOIN members AS m ON m.conversation_id = c AND m.user_id = u AND m.visible_from < x.seq
        AND (m.left_seq IS NULL OR x.seq <= m.left_seq)
    WHERE NOT (x.shadow AND x.sender_id <> u)
      AND NOT EXISTS (SELECT FROM hidden_messages AS h WHERE h.user_id = u
        AND h.conversation_id = x.conversation_id AND h.seq = x.seq AND h.version = x.created_version)
""",
    "conversations",
)


def previews(conn: Connection, quoted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Preview]:
    """Returns (conversation, id) -> preview for replies, with the keys of ``quoted``. Messages that only their senders
    see are missing.
    """
    rows = _PREVIEWS.rows(conn, conversations=int_array(c for c, _ in quoted), ids=text_array(i for _, i in quoted))
    return {
        quoted[n - 1]: Preview(quoted[n - 1][1], seq, sender_id, body, tuple(hidden))
        for n, seq, sender_id, body, shadow, hidden in rows
        if not shadow
    }


def previews_for(conn: Connection, asked: Sequence[tuple[int, int, str]]) -> dict[tuple[int, int, str], Preview]:
    """Returns (viewer, conversation, id) -> preview of the messages that the viewer may read."""
    rows = _PREVIEWS_FOR.rows(
        conn,
        viewers=int_array(viewer for viewer, _, _ in asked),
        conversations=int_array(conversation for _, conversation, _ in asked),
        ids=text_array(id_ for _, _, id_ in asked),
    )
    return {asked[n - 1]: Preview(asked[n - 1][2], *row) for n, *row in rows}
