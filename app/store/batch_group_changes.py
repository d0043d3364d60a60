"""What becomes of groups: who comes and goes, roles, names. A part of batch_changes.py, whose invariants hold here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, text

from app.core.records import Record
from app.store.pg_arrays import int_array

_COME = text("""
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_version, visible_from,
                         last_delivered_seq, last_read_seq)
    SELECT c.id, u.id, :seq, :version, CASE WHEN c.history = 'joined' THEN :seq - 1 ELSE 0 END,
           :seq - 1, :seq - 1
    FROM conversations AS c, unnest(CAST(:users AS bigint[])) AS named (id)
    JOIN users AS u USING (id) WHERE c.id = :conversation
    ON CONFLICT (conversation_id, user_id) DO UPDATE
    SET role = 'member', joined_seq = excluded.joined_seq, joined_version = excluded.joined_version,
        joined_at = now(), visible_from = excluded.visible_from, left_seq = NULL, left_version = NULL,
        last_delivered_seq = excluded.last_delivered_seq, last_read_seq = excluded.last_read_seq
    WHERE members.joined_version < :version AND members.left_version < :version
""")
_GO = text("""
    UPDATE members SET left_seq = :seq, left_version = :version, role = 'member'
    WHERE conversation_id = :conversation AND user_id = ANY(CAST(:users AS bigint[]))
      AND left_seq IS NULL AND joined_version < :version
""")
_ROLE = text("""
    UPDATE members SET role = :role
    WHERE conversation_id = :conversation AND user_id = :whom AND left_seq IS NULL
""")
_INFO = text("""
    UPDATE conversations SET name = coalesce(CAST(:name AS text), name),
        description = CASE WHEN :has_description THEN CAST(:description AS text) ELSE description END,
        avatar_url = CASE WHEN :has_avatar THEN CAST(:avatar AS text) ELSE avatar_url END,
        history = coalesce(CAST(:history AS text), history)
    WHERE id = :conversation AND info_version < :version
""")
_INFO_VERSION = text("""
    UPDATE conversations SET info_version = greatest(info_version, :version), member_count = (
        SELECT count(*) FROM members WHERE conversation_id = :conversation AND left_seq IS NULL
    ) WHERE id = :conversation
""")


def change_group(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    """``system`` is what the message of this change tells of it."""
    _GROUP[system["type"]](conn, record, system)
    conn.execute(_INFO_VERSION, {"conversation": record.conversation_id, "version": record.version})


def _place(record: Record) -> dict[str, Any]:
    return {"conversation": record.conversation_id, "seq": record.seq, "version": record.version}


def _come(conn: Connection, record: Record, users: Iterable[int]) -> None:
    conn.execute(_COME, {**_place(record), "users": int_array(users)})


def _go(conn: Connection, record: Record, users: Iterable[int]) -> None:
    conn.execute(_GO, {**_place(record), "users": int_array(users)})


def _role(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    conn.execute(_ROLE, {"conversation": record.conversation_id, "whom": system["userId"], "role": system["role"]})


def _info(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    conn.execute(
        _INFO,
        {
            "conversation": record.conversation_id,
            "version": record.version,
            "name": system.get("name"),
            "has_description": "description" in system,
            "description": system.get("description"),
            "has_avatar": "avatarUrl" in system,
            "avatar": system.get("avatarUrl"),
            "history": system.get("history"),
        },
    )


_GROUP: dict[str, Callable[[Connection, Record, dict[str, Any]], None]] = {
    "created": lambda conn, record, system: None,  # noqa: ARG005 - its members came with it
    "added": lambda conn, record, system: _come(conn, record, system["userIds"]),
    "joined": lambda conn, record, system: _come(conn, record, [record.user_id]),  # noqa: ARG005
    "removed": lambda conn, record, system: _go(conn, record, system["userIds"]),
    "left": lambda conn, record, system: _go(conn, record, [record.user_id]),  # noqa: ARG005
    "role": _role,
    "info": _info,
}
