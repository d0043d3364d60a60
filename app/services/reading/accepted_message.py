"""The answer for a message that Postgres did not confirm in time."""

from __future__ import annotations

from typing import Any

from app.core.commands import SendMessage
from app.core.errors import Overloaded
from app.core.records import Record
from app.core.times import rfc3339
from app.message_log.shards import Shards
from app.message_log.tails import read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.direct_cache import DirectCache


def accepted_message(user_id: int, command: SendMessage, *, shards: Shards, directs: DirectCache) -> dict[str, Any]:
    """Returns the ack with ``status: "accepted"``. It has ``seq`` and ``sentAt`` if the message is in the log, and the
    conversation if that is known. May block.
    """
    conversation_id = command.conversation_id or directs.find(user_id, command.receiver_id or 0)
    message_id = (command.id or "").lower()
    known: dict[str, Any] = {"id": message_id, "conversationId": conversation_id, "status": "accepted"}
    record = _find_in_tail(shards, conversation_id, message_id) if conversation_id else None
    if record is not None:
        known |= {"seq": record.seq, "sentAt": rfc3339(record.sent_ms)}
    return known


def _find_in_tail(shards: Shards, conversation_id: int, message_id: str) -> Record | None:
    try:
        with redis_errors_as_overloaded():
            tail = read_tail(shards.of(conversation_id), [conversation_id])
    except Overloaded:
        return None  # the message may be in the log all the same; without a seq the answer is still true
    return next((r for r in tail.records if r.id == message_id), None)
