"""Receipts of one message: how many members have received and read it, and which."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from app.store.sql import HotStatement, structs


class MemberReceipt(NamedTuple):
    user_id: int
    delivered: bool
    read: bool


class MessageReceipts(Struct, frozen=True):
    """The number of members who received the message, the number who read it, and a page of members by id.

    A member who read the message counts in both. The sender does not count.
    """

    delivered: int
    read: int
    members: list[MemberReceipt]


# Members who joined later did not receive the message, although their marks begin after it.
_RECEIVERS = """
    FROM members AS m JOIN messages AS x ON x.conversation_id = m.conversation_id AND x.seq = :seq
    WHERE m.conversation_id = :conversation_id AND coalesce(m.left_seq, 0) = 0 AND m.joined_seq <= :seq
      AND m.user_id <> x.sender_id
"""
_RECEIPT_COUNTS = HotStatement(f"""
    SELECT count(*) FILTER (WHERE m.last_delivered_seq >= :seq), count(*) FILTER (WHERE m.last_read_seq >= :seq)
    {_RECEIVERS}
""")
_RECEIPTS = HotStatement(f"""
    SELECT m.user_id, m.last_delivered_seq >= :seq, m.last_read_seq >= :seq
    {_RECEIVERS} AND m.user_id > :after ORDER BY m.user_id LIMIT :limit
""")


def receipts_of(conn: Connection, conversation_id: int, seq: int, after: int, limit: int) -> MessageReceipts:
    """Returns who has received and read the message, among members who were members when it was sent.

    The page contains the first ``limit`` of them with ids greater than ``after``.
    """
    place = {"conversation_id": conversation_id, "seq": seq}
    [(delivered, read)] = _RECEIPT_COUNTS.rows(conn, **place)
    rows = _RECEIPTS.rows(conn, **place, after=after, limit=limit)
    return MessageReceipts(delivered, read, structs(MemberReceipt, rows))
