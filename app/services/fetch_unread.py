"""The messages of others that a user has not read, oldest first; fetching them marks them delivered, never read."""

from __future__ import annotations

from typing import Any

from app.core.errors import NotFound, ParleyError
from app.core.records import Kind
from app.message_log.conversations import read_tail
from app.services.count_unread import is_unread, read_marks
from app.services.message_path import Answer, MessagePath, asking
from app.services.move_mark import move_mark
from app.services.views import accepted_message, stored_message
from app.store import conversations, messages
from app.store.engine import reading


def fetch_unread(path: MessagePath, user_id: int, conversation_id: int | None, limit: int) -> Answer:
    """``{messages, hasMore}``; accepted messages that are not stored yet included. May block.

    Raise NotFound for a conversation that the user is no member of, Overloaded where a store does not answer.
    """
    with reading(path.engine) as connection:
        ids = conversations.conversation_ids_of(connection, user_id)
    if conversation_id is not None:
        if conversation_id not in ids:
            raise NotFound
        ids = [conversation_id]
    tail = asking(lambda: read_tail(path.redis, ids))
    read_now = read_marks(tail, user_id)
    with reading(path.engine) as connection:
        request = messages.UnreadRequest(user_id, conversation_id, limit)
        (stored,) = messages.unread_messages(connection, [request])
    path.learn_directs({row.conversation_id for row in stored.messages})
    found: dict[tuple[int, int], tuple[int, dict[str, Any]]] = {
        (row.conversation_id, row.seq): (row.version, _view(path, row))
        for row in stored.messages
        if row.seq > read_now.get(row.conversation_id, 0)
    }
    for record in tail:
        if is_unread(record, user_id, read_now):
            found[record.conversation_id, record.seq] = (record.version, accepted_message(record))
    ordered = sorted(found.values(), key=lambda pair: pair[0])
    page = [view for _, view in ordered[:limit]]
    _mark_delivered(path, user_id, page)
    return {"messages": page, "hasMore": len(ordered) > limit or stored.has_more}


def _view(path: MessagePath, row: messages.StoredMessage) -> dict[str, Any]:
    return stored_message(row, path.directs.peer(row.conversation_id, row.sender_id))


def _mark_delivered(path: MessagePath, user_id: int, page: list[dict[str, Any]]) -> None:
    seqs: dict[int, int] = {}
    for view in page:
        seqs[view["conversationId"]] = max(view["seq"], seqs.get(view["conversationId"], 0))
    for conversation_id, seq in seqs.items():
        move_mark(path, Kind.DELIVERED, user_id, conversation_id, seq, _done)


def _done(_answer: Any, _error: ParleyError | None) -> None:
    """Nobody waits for these marks; the next delivery moves past one that was refused."""
