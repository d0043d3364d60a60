"""Drafts: texts that a member has begun to write in a conversation. Only that member reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete

from app.core.kinds import Kind
from app.core.part import WHOLE, Part
from app.core.records import DraftBody, Record, encode_body
from app.store.change_values import act_of
from app.store.distribution import UserStatement, among_own
from app.store.layout import is_distributed
from app.store.models import Draft
from app.store.noted_changes import EVERYTHING
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, ms_of


class StoredDraft(NamedTuple):
    """``body`` and ``reply_to`` are empty if the draft was deleted."""

    body: str
    reply_to: str | None
    version: int
    updated_ms: int

    def is_empty(self) -> bool:
        return not self.body and self.reply_to is None


def draft_columns(d: str) -> str:
    """Returns SQL for the fields of StoredDraft from the alias ``d``."""
    return f"{d}.body, CAST({d}.reply_to AS text), {d}.version, {ms_of(d + '.updated_at')}"


# A record may be stored after its user has left the conversation or deleted the account.
_OF_USER = "JOIN users AS u ON u.id = m.user_id AND u.deleted_at IS NULL"
_SET_TEXT = f"""
    INSERT INTO drafts (user_id, conversation_id, body, reply_to, version, updated_at)
    SELECT m.user_id, m.conversation_id, :body, CAST(:reply_to AS uuid), :version, :at FROM members AS m
    {_OF_USER}
    WHERE m.conversation_id = :conversation AND m.user_id = :user AND m.left_seq IS NULL
    ON CONFLICT (user_id, conversation_id) DO UPDATE
    SET body = excluded.body, reply_to = excluded.reply_to, version = excluded.version, updated_at = excluded.updated_at
    WHERE drafts.version < excluded.version
"""
_SET = OneForm(_SET_TEXT)
# For distributed conversations.
_SET_OF_MEMBER = HotStatement(_SET_TEXT.replace(_OF_USER, ""))
_EXISTS = HotStatement("SELECT 1 FROM users WHERE id = :user AND deleted_at IS NULL")
_REMOVE = HotStatement("""
    DELETE FROM drafts
    WHERE conversation_id = :conversation AND user_id = ANY(CAST(:users AS bigint[])) AND version < :version
""")
_SINCE = UserStatement(f"""
    SELECT d.conversation_id, {draft_columns("d")} FROM drafts AS d
    JOIN members AS m ON m.conversation_id = d.conversation_id AND m.user_id = d.user_id AND m.left_seq IS NULL
    WHERE d.user_id = :user_id AND d.version > :version AND d.version <= :upto AND of_part(d.conversation_id)
    ORDER BY d.version
""")
_ONE = HotStatement(f"""
    SELECT {draft_columns("d")} FROM drafts AS d WHERE d.user_id = :user_id AND d.conversation_id = :conversation_id
""")


def set_draft(conn: Connection, record: Record, body: DraftBody) -> None:
    """Stores the draft of a member unless a later one is stored."""
    values = {**act_of(record), "body": body.message, "reply_to": body.reply_to}
    if not is_distributed(conn):
        _SET.send(conn, **values)
    elif _EXISTS.row(conn, user=record.user_id):
        _SET_OF_MEMBER.send(conn, **values)


def remove_drafts(conn: Connection, conversation_id: int, user_ids: Iterable[int], version: int) -> None:
    """Deletes the drafts of users who left the conversation at this version."""
    _REMOVE.send(conn, conversation=conversation_id, users=int_array(user_ids), version=version)


def drafts_since(
    conn: Connection, user_id: int, version: int, upto: int = EVERYTHING, part: Part = WHOLE
) -> list[Record]:
    """Returns the user's drafts of this part that changed after ``version`` and up to ``upto``, as log records."""
    found = _SINCE.rows(conn, [user_id], part, user_id=user_id, version=version, upto=upto)
    return [_record(user_id, conversation_id, StoredDraft(*row)) for conversation_id, *row in found]


def draft_of(conn: Connection, user_id: int, conversation_id: int) -> StoredDraft | None:
    """Returns None if there is no draft."""
    row = _ONE.row(conn, user_id=user_id, conversation_id=conversation_id)
    draft = None if row is None else StoredDraft(*row)
    return None if draft is None or draft.is_empty() else draft


def delete_drafts_of(conn: Connection, user_id: int) -> None:
    """Deletes all drafts of the user."""
    theirs = delete(Draft).where(Draft.user_id == user_id)
    conn.execute(theirs.where(*among_own(conn, user_id, Draft.conversation_id)))


def _record(user_id: int, conversation_id: int, draft: StoredDraft) -> Record:
    body = encode_body(DraftBody(message=draft.body, reply_to=draft.reply_to))
    at = draft.version, draft.updated_ms
    return Record(Kind.DRAFTED, conversation_id, 0, *at, user_id, "", body, "", "")
