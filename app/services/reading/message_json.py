"""How stored rows look to clients: one place for the shapes of docs/protocol.md, section 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.core.events import message_data
from app.core.records import Record
from app.core.times import rfc3339
from app.services.messaging.message_path import MessagePath
from app.services.reading.media_json import show_media
from app.store import message_life
from app.store.messages import StoredMessage

View = dict[str, Any]


def stored_message(row: StoredMessage, receiver_id: int | None = None) -> View:
    """The data of ``receive_message``, from Postgres."""
    view: View = {
        "id": row.id,
        "conversationId": row.conversation_id,
        "seq": row.seq,
        "senderId": row.sender_id,
        "kind": row.kind,
        "sentAt": rfc3339(row.sent_ms),
    }
    if receiver_id is not None:
        view["receiverId"] = receiver_id
    if row.deleted_ms is not None:
        view["deletedAt"] = rfc3339(row.deleted_ms)
    else:
        view["message"] = row.body or ""
        view["attachments"] = row.attachments or []
        view |= _details(row)
    return view


def _details(row: StoredMessage) -> View:
    """What few messages have: absent where they have not."""
    found: View = {
        "replyTo": row.reply_to,
        "editedAt": rfc3339(row.edited_ms) if row.edited_ms is not None else None,
        "mentions": row.mentions,
        "mentionsAll": row.mentions_all or None,
        "pinnedAt": rfc3339(row.pinned_ms) if row.pinned_ms is not None else None,
        **(row.extra or {}),
    }
    return {name: value for name, value in found.items() if value is not None}


def accepted_message(record: Record) -> View:
    """The same, from a record that is not in Postgres yet."""
    return msgspec.json.decode(message_data(record), type=View)


def message_views(path: MessagePath, conn: Connection, rows: Sequence[StoredMessage], user_id: int) -> list[View]:
    """Rows as one user sees them, with reactions, media and what they reply to: a query each, however many rows."""
    places = [(row.conversation_id, row.seq) for row in rows]
    reactions = message_life.reactions_of(conn, places, user_id) if places else {}
    asked = [(row.conversation_id, row.reply_to) for row in rows if row.reply_to and row.deleted_ms is None]
    previews = message_life.previews(conn, asked) if asked else {}
    views = []
    for row, place in zip(rows, places, strict=True):
        view = stored_message(row, path.directs.peer(row.conversation_id, row.sender_id))
        view["reactions"] = reactions.get(place, [])
        quoted = previews.get((row.conversation_id, row.reply_to or ""))
        if quoted is not None and row.deleted_ms is None:
            view["quoted"] = quoted_view(quoted)
        views.append(view)
    return show_media(conn, views)


QUOTED_CHARACTERS = 200


def quoted_view(preview: Any) -> View:
    """What a reply shows of what it replies to; without text where that is deleted."""
    view = {"id": preview.id, "seq": preview.seq, "senderId": preview.sender_id}
    if preview.body is not None:
        view["message"] = preview.body[:QUOTED_CHARACTERS]
    return view
