"""Records of the log that cannot be stored, and the tombstones that take the seqs of their messages."""

from __future__ import annotations

from sqlalchemy import Connection

from app.store.sql import HotStatement, moment

_TOMBSTONE = HotStatement("""
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, version, sent_at, deleted_at)
    VALUES (:conversation_id, :seq, gen_random_uuid(), :sender_id, 'text', :version, :sent_at, :sent_at)
    ON CONFLICT DO NOTHING
""")
_RAISE_POSITION = HotStatement("""
    UPDATE conversations SET last_seq = greatest(last_seq, :seq), version = greatest(version, :version)
    WHERE id = :conversation_id
""")
_DEAD_LETTER = HotStatement("INSERT INTO dead_letters (record, reason) VALUES (:record, :reason)")


def insert_tombstone(
    conn: Connection, conversation_id: int, seq: int, *, sender_id: int, version: int, sent_ms: int
) -> None:
    """Stores a deleted message under the seq of a record that became a dead letter, so that seqs have no gap.

    Does nothing if the seq is taken. Needs a transaction, after ``check_epoch``.
    """
    position = {"conversation_id": conversation_id, "seq": seq, "version": version}
    _TOMBSTONE.run(conn, **position, sender_id=sender_id, sent_at=moment(sent_ms))
    _RAISE_POSITION.run(conn, **position)


def insert_dead_letter(conn: Connection, record: bytes, reason: str) -> None:
    """Stores a record that cannot be applied, exactly as it was in the log."""
    _DEAD_LETTER.run(conn, record=record, reason=reason)
