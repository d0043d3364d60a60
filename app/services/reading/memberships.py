"""The conversations that users are members of now: from Postgres, plus accepted changes that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from app.message_log.conversations import Tail, read_tail
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.store.engine import reading
from app.store.memberships import conversations_of


class Memberships(NamedTuple):
    """``of`` maps a user to conversations. ``since`` maps (user, conversation) to the seq with which the user joined,
    if Postgres does not have that membership yet. ``tail`` was read after the memberships in Postgres, and covers all
    of these conversations.
    """

    of: dict[int, set[int]]
    since: dict[tuple[int, int], int]
    tail: Tail


def memberships_now(user_ids: Sequence[int], only: int | None = None, *, engine: Engine, shards: Shards) -> Memberships:
    """Reads the memberships of these users, in all conversations or in ``only`` one. May block. Raises Overloaded if a
    store does not answer.

    A membership that began before the call is found even if it is stored between the reads: it is then in the first
    tail, and Postgres is read again.
    """
    asked: set[int] = set()
    with redis_errors_as_overloaded():
        began = _joined(read_tail(shards.only, []), user_ids)
    while True:
        with reading(engine) as connection:
            stored = conversations_of(connection, list(set(user_ids)))
        wanted = asked | {c for mine in stored.values() for c in mine if only in (None, c)}
        with redis_errors_as_overloaded():
            tail = read_tail(shards.only, wanted)
        of, since = _overlaid(stored, tail)
        asked = wanted | {c for mine in of.values() for c in mine if only in (None, c)}
        if asked == wanted and all(conversation_id in of[user_id] for user_id, conversation_id in began):
            return Memberships({u: {c for c in mine if only in (None, c)} for u, mine in of.items()}, since, tail)
        began = _joined(tail, user_ids)


def left_among(user_id: int, conversation_ids: Iterable[int], *, engine: Engine, shards: Shards) -> set[int]:
    """Returns the conversations in which the user is not a member now. May block. Raises Overloaded if a store does not
    answer.

    A leaving before the call is always found: if it is stored between the two reads, it was in the tail.
    """
    with redis_errors_as_overloaded():
        tail = read_tail(shards.only, [])
    with reading(engine) as connection:
        of, _ = _overlaid(conversations_of(connection, [user_id]), tail)
    return set(conversation_ids) - of[user_id]


def _joined(tail: Tail, user_ids: Sequence[int]) -> set[tuple[int, int]]:
    """Returns (user, conversation) of the unstored memberships."""
    return {
        (user_id, conversation_id)
        for user_id in (user_ids if tail.memberships else ())
        for conversation_id, (is_member, _) in tail.membership_of(user_id).items()
        if is_member
    }


def _overlaid(stored: dict[int, set[int]], tail: Tail) -> tuple[dict[int, set[int]], dict[tuple[int, int], int]]:
    of: dict[int, set[int]] = {}
    since: dict[tuple[int, int], int] = {}
    for user_id, mine in stored.items():
        of[user_id] = set(mine)
        for conversation_id, (is_member, seq) in tail.membership_of(user_id).items():
            if is_member:
                of[user_id].add(conversation_id)
                since[user_id, conversation_id] = seq
            else:
                of[user_id].discard(conversation_id)
    return of, since
