"""One's own settings of conversations (muted, archived, pinned) as they now are, stored or only accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Connection

from app.core.records import Kind, Record, SettingsBody, decode_as
from app.store.conversations import ConversationSummary
from app.store.replay import settings_since


def settings_over(
    conn: Connection, user_id: int, summaries: Sequence[ConversationSummary], tail: Iterable[Record]
) -> list[ConversationSummary]:
    """``summaries`` of this user with what ``tail`` (read before them) sets. A record counts where it is newer than
    what Postgres has; that is asked only where there is one."""
    waiting = [r for r in tail if r.kind == Kind.SETTINGS and r.user_id == user_id]
    if not waiting:
        return list(summaries)
    stored = {row.conversation_id: row.version for row in settings_since(conn, user_id, waiting[0].version - 1)}
    changes: dict[int, dict[str, Any]] = {}
    for record in waiting:
        if record.version > stored.get(record.conversation_id, 0):
            changes.setdefault(record.conversation_id, {}).update(_columns(record))
    return [replace(summary, **changes.get(summary.id, {})) for summary in summaries]


def _columns(record: Record) -> dict[str, Any]:
    body = decode_as(SettingsBody, record.body)
    found: dict[str, Any] = {}
    if body.muted_until is not UNSET:
        found["muted_until_ms"] = body.muted_until or None
    if body.archived is not UNSET:
        found["archived"] = body.archived
    if body.pinned is not UNSET:
        found["pinned_ms"] = record.sent_ms if body.pinned else None
    return found
