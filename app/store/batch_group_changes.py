"""Changes to groups: members, roles, names. A part of batch_changes.py, whose invariants hold here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.json import encode
from sqlalchemy import Connection

from app.core.records import Record
from app.store.distributed_notes import note_members
from app.store.distribution import known_users
from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm

_ADD_MEMBERS_OF = """
    INSERT INTO members (conversation_id, user_id, joined_seq, joined_version, visible_from,
                         last_delivered_seq, last_read_seq)
    SELECT c.id, u.id, :seq, :version, CASE WHEN c.history = 'joined' THEN :seq - 1 ELSE 0 END,
           :seq - 1, :seq - 1
    FROM conversations AS c, unnest(CAST(:users AS bigint[])) AS named (id)
    {users}WHERE c.id = :conversation
    ON CONFLICT (conversation_id, user_id) DO UPDATE
    SET role = 'member', joined_seq = excluded.joined_seq, joined_version = excluded.joined_version,
        joined_at = excluded.joined_at, visible_from = excluded.visible_from, left_seq = NULL, left_version = NULL,
        last_delivered_seq = excluded.last_delivered_seq, last_read_seq = excluded.last_read_seq
    WHERE members.joined_version < :version AND members.left_version < :version
"""
_ADD_MEMBERS = OneForm(_ADD_MEMBERS_OF.format(users="JOIN users AS u USING (id) "))
# For distributed conversations: ``users`` exist.
_ADD_EXISTING = HotStatement(_ADD_MEMBERS_OF.format(users="").replace("u.id", "named.id"))
_REMOVE_MEMBERS = HotStatement("""
    UPDATE members SET left_seq = :seq, left_version = :version, role = 'member'
    WHERE conversation_id = :conversation AND user_id = ANY(CAST(:users AS bigint[]))
      AND left_seq IS NULL AND joined_version < :version
""")
_SET_ROLE = HotStatement("""
    UPDATE members SET role = :role
    WHERE conversation_id = :conversation AND user_id = :user AND left_seq IS NULL
      AND EXISTS (SELECT FROM conversations WHERE id = :conversation AND info_version < :version)
""")
_SET_INFO = HotStatement("""
    UPDATE conversations SET name = coalesce(CAST(:name AS text), name),
        description = CASE WHEN :has_description THEN CAST(:description AS text) ELSE description END,
        avatar_url = CASE WHEN :has_avatar THEN CAST(:avatar AS text) ELSE avatar_url END,
        history = coalesce(CAST(:history AS text), history),
        read_only = coalesce(CAST(:read_only AS boolean), read_only),
        metadata = CASE WHEN :has_metadata THEN CAST(:metadata AS jsonb) ELSE metadata END
    WHERE id = :conversation AND info_version < :version
""")
_INFO_VERSION = HotStatement("""
    UPDATE conversations SET info_version = greatest(info_version, :version), member_count = (
        SELECT count(*) FROM members WHERE conversation_id = :conversation AND left_seq IS NULL
    ) WHERE id = :conversation
""")


def change_group(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    """Applies the change that ``system``, the content of its system message, describes."""
    _APPLY[system["type"]](conn, record, system)
    _INFO_VERSION.send(conn, conversation=record.conversation_id, version=record.version)


def _add_members(conn: Connection, record: Record, users: Iterable[int]) -> None:
    named = list(users)
    if not is_distributed(conn):
        _ADD_MEMBERS.send(conn, **_place(record), users=int_array(named))
        return
    existing = known_users(conn, named)
    _ADD_EXISTING.send(conn, **_place(record), users=int_array(existing))
    note_members(conn, [record.conversation_id], existing)


def _remove_members(conn: Connection, record: Record, users: Iterable[int]) -> None:
    _REMOVE_MEMBERS.send(conn, **_place(record), users=int_array(users))


def _place(record: Record) -> dict[str, Any]:
    return {"conversation": record.conversation_id, "seq": record.seq, "version": record.version}


def _set_role(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    place = {"conversation": record.conversation_id, "version": record.version}
    _SET_ROLE.send(conn, **place, user=system["userId"], role=system["role"])


def _set_info(conn: Connection, record: Record, system: dict[str, Any]) -> None:
    _SET_INFO.send(
        conn,
        conversation=record.conversation_id,
        version=record.version,
        name=system.get("name"),
        has_description="description" in system,
        description=system.get("description"),
        has_avatar="avatarUrl" in system,
        avatar=system.get("avatarUrl"),
        history=system.get("history"),
        read_only=system.get("readOnly"),
        has_metadata="metadata" in system,
        metadata=encode(system["metadata"]).decode() if system.get("metadata") else None,
    )


_APPLY: dict[str, Callable[[Connection, Record, dict[str, Any]], None]] = {
    "created": lambda conn, record, system: None,  # noqa: ARG005 - create_group stored the members
    "added": lambda conn, record, system: _add_members(conn, record, system["userIds"]),
    "joined": lambda conn, record, system: _add_members(conn, record, [record.user_id]),  # noqa: ARG005
    "removed": lambda conn, record, system: _remove_members(conn, record, system["userIds"]),
    "left": lambda conn, record, system: _remove_members(conn, record, [record.user_id]),  # noqa: ARG005
    "role": _set_role,
    "info": _set_info,
}
