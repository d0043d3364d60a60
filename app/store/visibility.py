"""Visibility of users to each other: blocks between them, and who may see their presence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.pg_arrays import int_array
from app.store.sql import HotStatement
from app.store.suspensions import is_shadowed


class Visible(NamedTuple):
    """``blocked``: one of the two has blocked the other. ``presence``: the viewer sees the presence of the user."""

    blocked: bool
    presence: bool


NOTHING = Visible(blocked=False, presence=False)

# A user who wrote in a direct conversation at all did so among its first messages, unless nobody wants an answer.
WRITTEN_AMONG = 1000


def are_contacts(owner: str, other: str) -> str:
    """Returns SQL for the condition that ``other`` is a contact of ``owner``.

    The two share a group, or a direct conversation in which ``owner`` has written. A stranger who writes to somebody
    does not become their contact. Both sides are read from the index by user.
    """
    return f"""EXISTS (
        SELECT FROM members AS mine
        JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id AND theirs.user_id = {other}
        JOIN conversations AS shared ON shared.id = mine.conversation_id
        WHERE mine.user_id = {owner} AND mine.left_seq IS NULL AND theirs.left_seq IS NULL
          AND (shared.kind = 'group' OR {owner} IN (
              SELECT x.sender_id FROM messages AS x WHERE x.conversation_id = shared.id
              ORDER BY x.seq LIMIT {WRITTEN_AMONG})))"""


def _shows_presence(viewer: str) -> str:
    """Returns SQL for the condition that the user ``u`` shows their presence to ``viewer``, apart from blocks."""
    return f"""NOT {is_shadowed("u")} AND CASE u.last_seen_visible
        WHEN 'everyone' THEN true WHEN 'contacts' THEN {are_contacts("u.id", viewer)} ELSE false END"""


_VISIBLE = HotStatement(f"""
    SELECT u.id, b.blocked, u.id = :viewer OR NOT b.blocked AND {_shows_presence(":viewer")}
    FROM users AS u
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM blocks WHERE user_id = :viewer AND blocked_id = u.id)
            OR EXISTS (SELECT FROM blocks WHERE user_id = u.id AND blocked_id = :viewer) AS blocked
    ) AS b
    WHERE u.id = ANY(CAST(:ids AS bigint[]))
""")
_VIEWERS = HotStatement(f"""
    SELECT viewer FROM unnest(CAST(:viewers AS bigint[])) AS asked (viewer)
    JOIN users AS u ON u.id = :owner
    WHERE viewer = u.id OR {_shows_presence("viewer")}
        AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = u.id AND b.blocked_id = viewer)
        AND NOT EXISTS (SELECT FROM blocks AS b WHERE b.user_id = viewer AND b.blocked_id = u.id)
""")


def visible_to(conn: Connection, viewer: int, user_ids: Sequence[int]) -> dict[int, Visible]:
    """Returns what ``viewer`` may see of each of the users; users that do not exist are missing."""
    rows = _VISIBLE.rows(conn, viewer=viewer, ids=int_array(user_ids)) if user_ids else []
    return {user: Visible(blocked, presence) for user, blocked, presence in rows}


def presence_viewers(conn: Connection, owner: int, viewers: Sequence[int]) -> set[int]:
    """Returns those of the viewers who may see the presence of ``owner``."""
    rows = _VIEWERS.rows(conn, owner=owner, viewers=int_array(viewers)) if viewers else []
    return {viewer for (viewer,) in rows}
