"""What may be asked about one message: who has it, what it said before; and which are pinned. May block."""

from __future__ import annotations

from typing import Any

from app.core.errors import Forbidden, NotFound
from app.core.times import rfc3339
from app.message_log.conversations import read_tail, role_of
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.services.reading.check_member import check_member
from app.services.reading.delivery_status import with_status
from app.services.reading.find_message import find_message, find_present
from app.services.reading.message_json import message_views
from app.store import message_life
from app.store.conversations import get_one
from app.store.engine import reading

View = dict[str, Any]


def receipts_of(
    path: MessagePath, user_id: int, message_id: str, conversation_id: int | None, after: int, limit: int
) -> View:
    """How many members have it and have read it, and a page of them by user id. Raise NotFound, Overloaded.

    As Postgres has it: a mark that moved a moment ago may be missing.
    """
    view = find_message(path, user_id, message_id, conversation_id)
    with reading(path.engine) as connection:
        found = message_life.receipts_of(connection, view["conversationId"], view["seq"], after=after, limit=limit + 1)
    answer: View = {
        "id": view["id"],
        "conversationId": view["conversationId"],
        "seq": view["seq"],
        "delivered": found.delivered,
        "read": found.read,
        "members": [{"userId": m.user_id, "delivered": m.delivered, "read": m.read} for m in found.members[:limit]],
    }
    if len(found.members) > limit:
        answer["cursor"] = str(found.members[limit - 1].user_id)
    return answer


def edits_of(path: MessagePath, user_id: int, message_id: str, conversation_id: int | None) -> View:
    """What it said before each edit, oldest first; for its author and admins. Raise NotFound, Forbidden, Overloaded."""
    view = find_present(path, user_id, message_id, conversation_id)
    if view["senderId"] != user_id and not _is_admin(path, view["conversationId"], user_id):
        raise Forbidden("Only its author and admins see what a message said before.")
    with reading(path.engine) as connection:
        edits = message_life.edits_of(connection, view["conversationId"], view["seq"])
    return {"edits": [{"message": edit.body, "editedAt": rfc3339(edit.replaced_ms)} for edit in edits]}


def pins_of(path: MessagePath, user_id: int, conversation_id: int) -> View:
    """The pinned messages of a conversation, last pinned first. Raise NotFound, Overloaded."""
    tail = asking(lambda: read_tail(path.redis, [conversation_id]))
    check_member(path, tail, user_id, conversation_id)
    with reading(path.engine) as connection:
        if get_one(connection, user_id, conversation_id) is None:
            raise NotFound
        rows = message_life.pins_of(connection, conversation_id, user_id)
        path.learn_directs(connection, [conversation_id])
        views = message_views(path, connection, rows, user_id)
        return {"messages": with_status(path, connection, views, user_id), "hasMore": False}


def _is_admin(path: MessagePath, conversation_id: int, user_id: int) -> bool:
    if not path.is_warm(conversation_id):
        path.hydrate(conversation_id)
    return asking(lambda: role_of(path.redis, conversation_id, user_id)) in ("owner", "admin")
