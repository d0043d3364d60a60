"""Messages as the host's server finds them: by id in all conversations, and by seq without a member's view."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, select

from app.store.messages import StoredMessage, columns
from app.store.models import Message
from app.store.sql import HotStatement, structs

_PAGE = "SELECT {columns} FROM messages AS m WHERE m.conversation_id = :conversation_id AND {where} LIMIT :limit"
_BEFORE = HotStatement(_PAGE.format(columns=columns("m"), where="m.seq < :before ORDER BY m.seq DESC"))
_AFTER = HotStatement(_PAGE.format(columns=columns("m"), where="m.seq > :after ORDER BY m.seq"))


def conversations_with(conn: Connection, message_id: str) -> list[int]:
    """Returns the conversations that have a message of this id."""
    found = select(Message.conversation_id).where(Message.id == uuid.UUID(message_id))
    return list(conn.execute(found.order_by(Message.conversation_id)).scalars())


def page(
    conn: Connection, conversation_id: int, *, before: int | None, after: int | None, limit: int
) -> Sequence[StoredMessage]:
    """Returns the messages before or after a seq, or the newest ones, ascending by seq."""
    place = {"conversation_id": conversation_id, "limit": limit}
    if after is not None:
        return structs(StoredMessage, _AFTER.rows(conn, **place, after=after))
    return structs(StoredMessage, _BEFORE.rows(conn, **place, before=before or 2**63 - 1))[::-1]
