"""Counts unread messages by conversation, for many users at once: clients return in storms."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from app.core.kinds import MESSAGES_FOR_ALL, Kind
from app.core.part import Part
from app.core.records import Record
from app.message_log.shards import Shards
from app.message_log.tails import Tail
from app.services.reading.member_marks import READS
from app.services.reading.memberships import Memberships, memberships_now
from app.store import unread
from app.store.engine import reading
from app.store.read_conversations import (
    MANY,
    ReadState,
    is_due,
    keep_read_state,
    read_states,
    unread_counts_since,
)
from app.store.unread_tail import count_with_floor

_READS = (*READS, Kind.CLEARED)
Count = tuple[int, int, int]  # user, conversation, unread


def count_unread(
    user_ids: Sequence[int], *, engine: Engine, shards: Shards, some: bool = False
) -> list[dict[int, int]]:
    """Returns conversation -> count for each user, without conversations that have nothing unread. May block. Raises
    Overloaded.

    Accepted messages and read marks count even if Postgres does not have them yet. With ``some``, shards that do not
    answer are left out, unless none answers.
    """
    members = memberships_now(user_ids, engine=engine, shards=shards, some=some)
    tail = by_conversation(members.tails.records)
    floors = {
        (user_id, conversation_id): max(
            read_mark(tail[conversation_id], user_id), members.since.get((user_id, conversation_id), 0)
        )
        for user_id, conversation_ids in members.of.items()
        for conversation_id in conversation_ids & tail.keys()
    }
    counts: dict[int, dict[int, int]] = {user_id: {} for user_id in members.of}
    with reading(engine) as connection:
        for user_id, conversation_id, count in _stored_counts(connection, members, [shard.part for shard in shards]):
            if conversation_id in members.of[user_id]:
                counts[user_id][conversation_id] = count
        admitted = members.tails.admitted(members.of)
        stored = count_with_floor(connection, floors, admitted=admitted) if floors else {}
    for (user_id, conversation_id), floor in floors.items():
        stored_seq, count = stored.get((user_id, conversation_id), (0, 0))
        new = sum(is_unread(record, user_id, max(floor, stored_seq)) for record in tail[conversation_id])
        counts[user_id][conversation_id] = count + new
    return [{c: n for c, n in counts[user_id].items() if n} for user_id in user_ids]


def _stored_counts(conn: Connection, members: Memberships, parts: Sequence[Part]) -> list[Count]:
    """Returns (user, conversation, count). For users of many conversations, counts only those that had unread messages
    at the last count or have changed since.
    """
    many = [user_id for user_id, mine in members.of.items() if len(mine) >= MANY]
    if not many:
        return unread.unread_counts(conn, list(members.of))
    states = read_states(conn, many)
    known = {user_id for user_id, _ in states}
    counts = unread.unread_counts(conn, [user_id for user_id in members.of if user_id not in known])
    for user_id in known:
        for part in parts:
            counts += _counts_of(conn, user_id, part, states.get((user_id, part.number)))
    for part, tail in members.tails.by_part:
        _keep_states(conn, many, states, counts, part, tail)
    return counts


def _counts_of(conn: Connection, user_id: int, part: Part, state: ReadState | None) -> list[Count]:
    if state is None:
        return unread.unread_counts(conn, [user_id], part)
    return unread_counts_since(conn, state, part)


def _keep_states(
    conn: Connection,
    user_ids: Sequence[int],
    before: dict[tuple[int, int], ReadState],
    counts: Sequence[Count],
    part: Part,
    tail: Tail,
) -> None:
    """Stores the state of these users in one shard, as of its last version before anything that is not in Postgres."""
    waiting = [*(record.version for record in tail.records), *(change.version for change in tail.memberships)]
    version = min([tail.version, *(waiting_version - 1 for waiting_version in waiting)])
    for user_id in user_ids if tail.epoch else ():
        if is_due(before.get((user_id, part.number)), version):
            there = [conversation for user, conversation, _ in counts if user == user_id and part.has(conversation)]
            keep_read_state(conn, tail.epoch, ReadState(user_id, version, there, part.number))


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
