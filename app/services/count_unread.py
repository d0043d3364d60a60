"""How many messages of others a user has not read, by conversation."""

from __future__ import annotations

from collections import Counter

from app.core.records import Kind, Record
from app.message_log.conversations import read_tail
from app.services.message_path import MessagePath, asking
from app.store import conversations, messages
from app.store.engine import reading
from app.store.unread_tail import count_with_floor


def count_unread(path: MessagePath, user_id: int) -> dict[int, int]:
    """conversation -> count, those with none left out; accepted messages that are not stored yet included. May block."""
    with reading(path.engine) as connection:
        ids = conversations.conversation_ids_of(connection, user_id)
    tail = asking(lambda: read_tail(path.redis, ids))
    read_now = read_marks(tail, user_id)
    floors = {record.conversation_id: read_now.get(record.conversation_id, 0) for record in tail}
    with reading(path.engine) as connection:
        counts = Counter({c: n for _, c, n in messages.unread_counts(connection, [user_id])})
        stored = count_with_floor(connection, user_id, floors) if floors else {}
    for conversation_id, (_, count) in stored.items():
        counts[conversation_id] = count
    for record in tail:
        if is_unread(record, user_id, read_now) and record.seq > stored[record.conversation_id][0]:
            counts[record.conversation_id] += 1
    return {conversation_id: count for conversation_id, count in counts.items() if count}


def read_marks(tail: list[Record], user_id: int) -> dict[int, int]:
    """How far the user read, as far as that is not in Postgres yet."""
    marks: dict[int, int] = {}
    for record in tail:
        if record.kind == Kind.READ and record.user_id == user_id:
            marks[record.conversation_id] = max(record.seq, marks.get(record.conversation_id, 0))
    return marks


def is_unread(record: Record, user_id: int, read_now: dict[int, int]) -> bool:
    return (
        record.kind == Kind.MESSAGE
        and record.user_id != user_id
        and record.seq > read_now.get(record.conversation_id, 0)
    )
