"""A member's own settings of conversations: as Postgres has them, with the records applied that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Connection

from app.core.kinds import Kind
from app.core.records import Record, SettingsBody, decode_as
from app.store.conversations import ConversationSummary
from app.store.replay import settings_since


def settings_now(
    conn: Connection, user_id: int, summaries: Sequence[ConversationSummary], tail: Iterable[Record]
) -> list[ConversationSummary]:
    """Returns this user's ``summaries`` with the settings of ``tail``, which was read before them. A record applies
    only if it is newer than the row in Postgres; without such records there is no query.
    """
    waiting = [r for r in tail if r.kind == Kind.SETTINGS and r.user_id == user_id]
    if not waiting:
        return list(summaries)
    # A row that is as new as its record has at least this version, whichever shards the records come from.
    oldest = min(record.version for record in waiting)
    stored = {row.conversation_id: row.version for row in settings_since(conn, user_id, oldest - 1)}
    changes: dict[int, dict[str, Any]] = {}
    for record in waiting:
        if record.version > stored.get(record.conversation_id, 0):
            changes.setdefault(record.conversation_id, {}).update(_settings_columns(record))
    return [replace(summary, **changes.get(summary.id, {})) for summary in summaries]


def _settings_columns(record: Record) -> dict[str, Any]:
    body = decode_as(SettingsBody, record.body)
    found: dict[str, Any] = {}
    if body.muted_until is not UNSET:
        found["muted_until_ms"] = body.muted_until or None
    if body.except_mentions is not UNSET:
        found["except_mentions"] = body.except_mentions
    if body.archived is not UNSET:
        found["archived"] = body.archived
    if body.pinned is not UNSET:
        found["pinned_ms"] = record.sent_ms if body.pinned else None
    if body.marked_unread is not UNSET:
        found["marked_unread_seq"] = record.seq if body.marked_unread else None
    return found
