"""Records of the log that cannot be stored, and the tombstones that take the seqs of their messages."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import Conversation, DeadLetter, Message
from app.store.sql import moment


def insert_tombstone(
    conn: Connection, conversation_id: int, seq: int, *, sender_id: int, version: int, sent_ms: int
) -> None:
    """Stores a deleted message under the seq of a record that became a dead letter, so that seqs have no gap.

    Does nothing if the seq is taken. Needs a transaction, after ``check_epoch``.
    """
    place = {"conversation_id": conversation_id, "seq": seq, "version": version, "id": uuid4()}
    at = moment(sent_ms)
    tombstone = insert(Message).values(**place, sender_id=sender_id, kind="text", sent_at=at, deleted_at=at)
    conn.execute(tombstone.on_conflict_do_nothing())
    last_seq, latest = func.greatest(Conversation.last_seq, seq), func.greatest(Conversation.version, version)
    position = update(Conversation).where(Conversation.id == conversation_id)
    conn.execute(position.values(last_seq=last_seq, version=latest))


def insert_dead_letter(conn: Connection, record: bytes, reason: str) -> None:
    """Stores a record that cannot be applied, exactly as it was in the log. Does nothing if it is there already."""
    stored = select(DeadLetter.id).where(DeadLetter.record == record)
    letter = select(literal(record), literal(reason)).where(~stored.exists())
    conn.execute(insert(DeadLetter).from_select(["record", "reason"], letter))


class DeadLetterRow(NamedTuple):
    id: int
    record: bytes
    reason: str
    created_at: datetime


def list_dead_letters(conn: Connection, *, after: int = 0, limit: int = 100) -> list[DeadLetterRow]:
    """Returns the oldest dead letters whose id is greater than ``after``."""
    query = select(DeadLetter.id, DeadLetter.record, DeadLetter.reason, DeadLetter.created_at)
    rows = conn.execute(query.where(DeadLetter.id > after).order_by(DeadLetter.id).limit(limit))
    return [DeadLetterRow(row.id, bytes(row.record), row.reason, row.created_at) for row in rows]


def find_dead_letter(conn: Connection, letter_id: int) -> DeadLetterRow | None:
    found = list_dead_letters(conn, after=letter_id - 1, limit=1)
    return found[0] if found and found[0].id == letter_id else None


def delete_dead_letter(conn: Connection, letter_id: int) -> bool:
    """Returns False if there is no such dead letter."""
    return bool(conn.execute(delete(DeadLetter).where(DeadLetter.id == letter_id)).rowcount)


def delete_tombstone(conn: Connection, conversation_id: int, seq: int, version: int) -> None:
    """Frees the seq of a record that is about to be stored after all."""
    place = (Message.conversation_id == conversation_id, Message.seq == seq, Message.version == version)
    conn.execute(delete(Message).where(*place, Message.deleted_at.is_not(None), Message.body.is_(None)))
