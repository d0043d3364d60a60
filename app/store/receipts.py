"""Marks of members: what was delivered and read, cumulative, one row a member."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection

from app.store.sql import HotStatement, structs


class StoredReceipt(Struct, frozen=True):
    conversation_id: int
    user_id: int
    delivered_seq: int
    read_seq: int
    version: int


_CHANGED = HotStatement("""
    SELECT other.conversation_id, other.user_id, other.last_delivered_seq, other.last_read_seq, other.version
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.version > :version
    JOIN members AS other ON other.conversation_id = c.id AND other.version > :version
    WHERE m.user_id = :user_id ORDER BY other.version
""")
_DELIVERED_UP_TO = HotStatement("""
    SELECT m.conversation_id, newest.seq
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.last_seq > m.last_delivered_seq
    CROSS JOIN LATERAL (
        SELECT x.seq FROM messages AS x
        WHERE x.conversation_id = c.id AND x.version <= :version ORDER BY x.version DESC LIMIT 1
    ) AS newest
    WHERE m.user_id = :user_id AND newest.seq > m.last_delivered_seq
""")


def receipts_changed_since(conn: Connection, user_id: int, version: int) -> list[StoredReceipt]:
    """Marks in the user's conversations that moved after ``version``, as they are now, in the order of
    versions.
    """
    return structs(StoredReceipt, _CHANGED.rows(conn, user_id=user_id, version=version))


def delivered_up_to(conn: Connection, user_id: int, version: int) -> list[tuple[int, int]]:
    """``(conversation_id, seq)`` that the user's delivered marks come to, where all up to ``version`` was
    received.

    Only conversations whose mark is behind that.
    """
    rows = _DELIVERED_UP_TO.rows(conn, user_id=user_id, version=version)
    return [(conversation, seq) for conversation, seq in rows]
