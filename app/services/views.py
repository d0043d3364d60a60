"""How stored rows look to clients: one place for the shapes of docs/protocol.md, section 5."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.cursor import encode_cursor
from app.core.events import Event, message_data
from app.core.records import Record
from app.core.times import rfc3339
from app.store.messages import StoredMessage

_encode = msgspec.json.Encoder().encode


def stored_message(row: StoredMessage, receiver_id: int | None = None) -> dict[str, Any]:
    """The data of ``receive_message``, from Postgres."""
    view: dict[str, Any] = {
        "id": row.id,
        "conversationId": row.conversation_id,
        "seq": row.seq,
        "senderId": row.sender_id,
        "kind": row.kind,
        "sentAt": rfc3339(row.sent_ms),
    }
    if receiver_id is not None:
        view["receiverId"] = receiver_id
    if row.reply_to is not None:
        view["replyTo"] = row.reply_to
    if row.edited_ms is not None:
        view["editedAt"] = rfc3339(row.edited_ms)
    if row.deleted_ms is not None:
        view["deletedAt"] = rfc3339(row.deleted_ms)
    else:
        view["message"] = row.body or ""
        view["attachments"] = row.attachments or []
    return view


def accepted_message(record: Record) -> dict[str, Any]:
    """The same, from a record that is not in Postgres yet."""
    return msgspec.json.decode(message_data(record), type=dict[str, Any])


def stored_event(epoch: int, row: StoredMessage, receiver_id: int | None) -> Event:
    """What a stored message means to whoever missed it: its arrival, or what became of it."""
    name = "receive_message"
    data = stored_message(row, receiver_id)
    if row.deleted_ms is not None:
        name = "message_deleted"
        data = {"id": row.id, "conversationId": row.conversation_id, "seq": row.seq}
    return Event(
        name,
        _encode(data),
        version=row.version,
        cursor=encode_cursor(epoch, row.version),
        conversation_id=row.conversation_id,
        seq=row.seq,
        sender_id=row.sender_id,
    )
