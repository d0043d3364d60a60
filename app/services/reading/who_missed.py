"""Finds out for many sessions at once whether they missed anything.

After an outage of Redis, all sessions of a gateway catch up at the same time. Nearly all of them have missed nothing. A
few statements for all of them replace fifteen statements for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from app.core.part import Part
from app.message_log.shards import Shard
from app.message_log.tails import Tail, read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.store.engine import reading
from app.store.memberships import conversations_of
from app.store.missed import changed_people, users_with_changes, users_with_requests

Asked = tuple[int, int]
Memberships = dict[int, set[int]]


def who_missed(
    asked: Sequence[Asked], *, engine: Engine, shard: Shard, saw_epoch: Callable[[int], None], news: bool = True
) -> list[bool]:
    """Returns for each ``(user, version)`` whether a session that has everything of this shard up to the version may
    have missed something of it. If not, only events of the shard follow that the session has held back since before
    this call. May block. Raises Overloaded.

    ``news``: also whether people or requests changed since the time of the version. They belong to no shard.

    Reads the tail before the store, as a resume does (resume.py).
    """
    users = list({user for user, _ in asked})
    with reading(engine) as conn:
        everywhere = conversations_of(conn, users)
    before = _of_part(everywhere, shard.part)
    with redis_errors_as_overloaded():
        tail = read_tail(shard, set().union(*before.values()))
    saw_epoch(tail.epoch)
    if not tail.epoch:
        return [True] * len(asked)
    oldest_ms = min(version for _, version in asked) // 1000
    with reading(engine) as conn:
        missed = users_with_changes(conn, asked, shard.part)
        if news:
            missed |= users_with_requests(conn, users, oldest_ms) | _with_changed_people(conn, everywhere, oldest_ms)
        after = _of_part(conversations_of(conn, users), shard.part)
    # A conversation may have begun between the reads, and its tail was not read.
    missed |= {user for user in users if after[user] != before[user] or _is_in_tail(tail, user, before[user])}
    return [user in missed for user, _ in asked]


def _of_part(of: Memberships, part: Part) -> Memberships:
    return {user: part.among(mine) for user, mine in of.items()}


def _with_changed_people(conn: Connection, of: Memberships, since_ms: int) -> set[int]:
    found = changed_people(conn, since_ms)
    if found is None:
        return set(of)
    people, shared = found
    return {user for user, mine in of.items() if user in people or not mine.isdisjoint(shared)}


def _is_in_tail(tail: Tail, user_id: int, conversations: set[int]) -> bool:
    """Returns whether the log has an unstored record of these conversations or an open stream in them."""
    waiting = {record.conversation_id for record in tail.records} | {conversation for conversation, _ in tail.streams}
    return bool(tail.membership_of(user_id)) or not waiting.isdisjoint(conversations)
