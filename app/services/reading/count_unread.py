"""Counts unread messages by conversation, for many users at once: clients return in storms."""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis
from sqlalchemy import Engine

from app.core.kinds import MESSAGES_FOR_ALL, Kind
from app.core.records import Record
from app.services.reading.member_marks import READS
from app.services.reading.memberships import memberships_now
from app.store import unread
from app.store.engine import reading
from app.store.unread_tail import count_with_floor

_READS = (*READS, Kind.CLEARED)


def count_unread(user_ids: Sequence[int], *, engine: Engine, redis: Redis) -> list[dict[int, int]]:
    """Returns conversation -> count for each user, without conversations that have nothing unread. May block. Raises
    Overloaded.

    Accepted messages and read marks count even if Postgres does not have them yet.
    """
    members = memberships_now(user_ids, engine=engine, redis=redis)
    tail = by_conversation(members.tail.records)
    floors = {
        (user_id, conversation_id): max(
            read_mark(tail[conversation_id], user_id), members.since.get((user_id, conversation_id), 0)
        )
        for user_id, conversation_ids in members.of.items()
        for conversation_id in conversation_ids & tail.keys()
    }
    counts: dict[int, dict[int, int]] = {user_id: {} for user_id in members.of}
    with reading(engine) as connection:
        for user_id, conversation_id, count in unread.unread_counts(connection, list(members.of)):
            if conversation_id in members.of[user_id]:
                counts[user_id][conversation_id] = count
        admitted = members.tail.admitted(members.of)
        stored = count_with_floor(connection, floors, admitted=admitted) if floors else {}
    for (user_id, conversation_id), floor in floors.items():
        stored_seq, count = stored.get((user_id, conversation_id), (0, 0))
        new = sum(is_unread(record, user_id, max(floor, stored_seq)) for record in tail[conversation_id])
        counts[user_id][conversation_id] = count + new
    return [{c: n for c, n in counts[user_id].items() if n} for user_id in user_ids]


def by_conversation(tail: Sequence[Record]) -> dict[int, list[Record]]:
    grouped: dict[int, list[Record]] = {}
    for record in tail:
        grouped.setdefault(record.conversation_id, []).append(record)
    return grouped


def is_unread(record: Record, user_id: int, read_seq: int) -> bool:
    return record.kind in MESSAGES_FOR_ALL and record.user_id != user_id and record.seq > read_seq


def read_mark(tail: Sequence[Record], user_id: int) -> int:
    """Returns how far the user has read or cleared in this tail of one conversation, or 0 if the tail has neither."""
    return max((r.seq for r in tail if r.kind in _READS and r.user_id == user_id), default=0)
