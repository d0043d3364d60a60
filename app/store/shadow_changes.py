"""Changes that only their user sees, because the user has a shadow suspension (app/core/kinds.py)."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete

from app.core.records import Record
from app.store.change_values import act_of
from app.store.distribution import among_own
from app.store.models import ShadowChange
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, ms_of
from app.store.suspensions import is_shadowed

_ADD = HotStatement("""
    INSERT INTO shadow_changes (user_id, version, conversation_id, seq, message_id, kind, sent_at, body)
    SELECT :user, :version, conversation_id, seq, id, :kind, :at, :body FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL
    ON CONFLICT DO NOTHING
""")
# Columns of the alias s: the arguments of ``own_record`` after the user and the place of the message.
SHADOW_COLUMNS = f"s.kind, s.version, {ms_of('s.sent_at')}, CAST(s.message_id AS text), s.body"
LASTING = f"JOIN users AS u ON u.id = s.user_id AND {is_shadowed('u')}"
# For distributed conversations: the users whose suspension is not over.
LASTING_FOR = "AND s.user_id = ANY(CAST(:shadowed AS bigint[]))"
_SHADOWED = HotStatement(f"""
    SELECT u.id FROM users AS u WHERE u.id = ANY(CAST(:users AS bigint[])) AND {is_shadowed("u")}
""")


def shadowed_among(conn: Connection, users: Collection[int]) -> list[int]:
    """Returns the users who have a shadow suspension now."""
    return [user for (user,) in _SHADOWED.rows(conn, users=int_array(users))]


def add_change(conn: Connection, record: Record) -> None:
    """Stores a change, unless the message was deleted. Safe to repeat."""
    _ADD.send(conn, **act_of(record), kind=record.kind, body=record.body)


def own_record(
    user_id: int, conversation_id: int, seq: int, kind: int, version: int, sent_ms: int, message_id: str, body: str
) -> Record:
    """Returns the record of a change that only its user sees."""
    return Record(kind, conversation_id, seq, version, sent_ms, user_id, message_id, body, "", "")


def forget_changes(conn: Connection, user_id: int) -> None:
    """Deletes the changes of an earlier shadow suspension, which would show again in a later one."""
    theirs = delete(ShadowChange).where(ShadowChange.user_id == user_id)
    conn.execute(theirs.where(*among_own(conn, user_id, ShadowChange.conversation_id)))
