"""What is known of a message that Postgres did not confirm in time."""

from __future__ import annotations

from app.core.commands import SendMessage
from app.core.errors import Overloaded
from app.core.records import Record
from app.core.times import rfc3339
from app.message_log.conversations import read_tail
from app.redis_calls import asking
from app.services.messaging.message_path import Answer, MessagePath


def accepted_message(path: MessagePath, user_id: int, command: SendMessage) -> Answer:
    """The ack with ``status: "accepted"``: with ``seq`` and ``sentAt`` where it is in the log, and a conversation
    wherever that is known. May block."""
    conversation_id = command.conversation_id or path.directs.find(user_id, command.receiver_id or 0)
    message_id = (command.id or "").lower()
    known: Answer = {"id": message_id, "conversationId": conversation_id, "status": "accepted"}
    record = _waiting(path, conversation_id, message_id) if conversation_id else None
    if record is not None:
        known |= {"seq": record.seq, "sentAt": rfc3339(record.sent_ms)}
    return known


def _waiting(path: MessagePath, conversation_id: int, message_id: str) -> Record | None:
    try:
        tail = asking(lambda: read_tail(path.redis, [conversation_id]))
    except Overloaded:
        return None  # it may have come to the log all the same: the answer is true without a seq
    return next((r for r in tail.records if r.id == message_id), None)
