"""Turns stored messages into the JSON of docs/protocol.md, section 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from app.core.events import message_data
from app.core.records import Record
from app.core.times import rfc3339
from app.services.reading.direct_cache import DirectCache
from app.services.reading.media_json import show_media
from app.services.reading.quotations import add_quotations
from app.store import message_life
from app.store.messages import StoredMessage

View = dict[str, Any]


def stored_message(row: StoredMessage, receiver_id: int | None = None) -> View:
    """Returns the data of ``receive_message`` for a row of Postgres."""
    view: View = {
        "id": row.id,
        "conversationId": row.conversation_id,
        "seq": row.seq,
        "senderId": row.sender_id or None,
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
    """Returns the optional fields that this message has."""
    found: View = {
        "replyTo": row.reply_to,
        "editedAt": rfc3339(row.edited_ms) if row.edited_ms is not None else None,
        "mentions": row.mentions,
        "mentionsAll": row.mentions_all or None,
        "pinnedAt": rfc3339(row.pinned_ms) if row.pinned_ms is not None else None,
        **(row.extra or {}),
    }
    if "streaming" in found:
        found["length"] = len(row.body or "")
    return {name: value for name, value in found.items() if value is not None}


def accepted_message(record: Record) -> View:
    """Returns the data of ``receive_message`` for a record that is not in Postgres yet, without its quotation, which
    depends on the viewer.
    """
    view = msgspec.json.decode(message_data(record), type=View)
    view.pop("quoted", None)
    return view


def message_views(conn: Connection, rows: Sequence[StoredMessage], user_id: int, *, directs: DirectCache) -> list[View]:
    """Returns messages as one user sees them, with reactions, media and quotes. Runs one query for each of the three,
    for any number of rows.
    """
    details = message_life.details_for(conn, [row.place for row in rows], [user_id])
    return views_with(conn, rows, user_id, details, directs=directs)


def views_with(
    conn: Connection,
    rows: Sequence[StoredMessage],
    user_id: int,
    details: message_life.Details,
    *,
    directs: DirectCache,
) -> list[View]:
    """Returns messages as ``message_views`` does, with details that were read before."""
    views = []
    for row in rows:
        view = stored_message(row, directs.peer(row.conversation_id, row.sender_id))
        views.append(details.show(view, user_id, row.place))
    add_quotations(conn, ((user_id, view) for view in views))
    return show_media(conn, views)


def exported_views(conn: Connection, rows: Sequence[StoredMessage], user_id: int) -> list[View]:
    """Returns messages as a user's own data contains them: as the user sees them, without quotes."""
    details = message_life.details_for(conn, [row.place for row in rows], [user_id])
    views = [details.show(stored_message(row), user_id, row.place) for row in rows]
    return show_media(conn, views)
