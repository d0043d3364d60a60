"""Marks of members: what was delivered and read, cumulative, one row a member."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Connection

from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, structs


class StoredReceipt(Struct, frozen=True):
    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


# Of conversations larger than this, a member is told of one's own marks and of the one that moved last.
MARKS_TOLD = 100
_CHANGED = HotStatement(f"""
    SELECT told.conversation_id, told.user_id, told.last_delivered_seq, told.last_read_seq, told.version
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.version > :version
    CROSS JOIN LATERAL (
        SELECT x.* FROM members AS x
        WHERE c.member_count <= {MARKS_TOLD} AND x.conversation_id = c.id
          AND x.version > greatest(:version, m.joined_version) AND x.left_seq IS NULL
        UNION ALL
        (SELECT x.* FROM members AS x
         WHERE c.member_count > {MARKS_TOLD} AND x.conversation_id = c.id
           AND x.version > greatest(:version, m.joined_version) AND x.left_seq IS NULL AND x.user_id <> :user_id
         ORDER BY x.version DESC LIMIT 1)
        UNION ALL
        SELECT m.* WHERE c.member_count > {MARKS_TOLD} AND m.version > greatest(:version, m.joined_version)
    ) AS told
    WHERE m.user_id = :user_id AND m.left_seq IS NULL ORDER BY told.version
""")
# Of three that are furthest behind, one is neither the sender of a message nor the one who is asking.
_FURTHEST_BEHIND = HotStatement(f"""
    SELECT c.id, m.user_id, m.last_delivered_seq
    FROM unnest(CAST(:ids AS bigint[])) AS asked (id)
    JOIN conversations AS c ON c.id = asked.id AND c.member_count <= {MARKS_TOLD}
    CROSS JOIN LATERAL (
        SELECT x.user_id, x.last_delivered_seq FROM members AS x
        WHERE x.conversation_id = c.id AND x.left_seq IS NULL ORDER BY x.last_delivered_seq LIMIT 3
    ) AS m
""")
# The greatest seq among the last few that changed up to then. A message that changed since does not count, nor one
# before many later changes of others: the mark then moves with a later version, and never too far.
_DELIVERED_UP_TO = HotStatement("""
    SELECT m.conversation_id, newest.seq
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.last_seq > m.last_delivered_seq
    CROSS JOIN LATERAL (
        SELECT max(seq) AS seq FROM (
            SELECT x.seq FROM messages AS x
            WHERE x.conversation_id = c.id AND x.version <= :version ORDER BY x.version DESC LIMIT 20
        ) AS last
    ) AS newest
    WHERE m.user_id = :user_id AND m.left_seq IS NULL AND newest.seq > greatest(m.last_delivered_seq, m.visible_from)
""")


def receipts_changed_since(conn: Connection, user_id: int, version: int) -> list[StoredReceipt]:
    """Marks in the user's conversations that moved after ``version``, as they are now, in the order of
    versions; of a conversation of more than ``MARKS_TOLD`` members the user's own, and the last one of others.
    """
    return structs(StoredReceipt, _CHANGED.rows(conn, user_id=user_id, version=version))


def delivered_up_to(conn: Connection, user_id: int, version: int) -> list[tuple[int, int]]:
    """``(conversation_id, seq)`` that the user's delivered marks come to, where all up to ``version`` was
    received.

    Only conversations whose mark is behind that.
    """
    rows = _DELIVERED_UP_TO.rows(conn, user_id=user_id, version=version)
    return [(conversation, seq) for conversation, seq in rows]


def furthest_behind(conn: Connection, conversation_ids: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """conversation -> the three members to whom least was delivered, ``(user_id, delivered_seq)``; of those
    conversations that have at most ``MARKS_TOLD`` members.
    """
    found: dict[int, list[tuple[int, int]]] = {}
    for conversation, user, seq in _FURTHEST_BEHIND.rows(conn, ids=int_array(conversation_ids)):
        found.setdefault(conversation, []).append((user, seq))
    return found
