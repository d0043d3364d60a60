"""Drafts in their present state: as Postgres has them, with accepted records applied that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.core.kinds import Kind
from app.core.record_events import draft_view
from app.core.records import DraftBody, Record, decode_as
from app.store.drafts import StoredDraft


def draft_now(user_id: int, stored: StoredDraft | None, tail: Iterable[Record]) -> StoredDraft | None:
    """Returns the user's draft in the conversation of this tail, or None if there is none.

    ``tail`` may be older than ``stored``: the draft with the greater version counts.
    """
    draft = stored
    for record in tail:
        if record.kind == Kind.DRAFTED and record.user_id == user_id:
            body = decode_as(DraftBody, record.body)
            if draft is None or record.version > draft.version:
                draft = StoredDraft(body.message, body.reply_to, record.version, record.sent_ms)
    return None if draft is None or draft.is_empty() else draft


def stored_draft_view(draft: StoredDraft) -> dict[str, Any]:
    return draft_view(DraftBody(message=draft.body, reply_to=draft.reply_to), draft.updated_ms)
