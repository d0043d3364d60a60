"""Which conversations users are in, now: what Postgres says, and what was accepted and is not stored yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.message_log.conversations import Tail, read_tail
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.store.engine import reading
from app.store.memberships import conversations_of


class Memberships(NamedTuple):
    """``of``: user -> conversations. ``since``: (user, conversation) -> the seq with which a member came whom Postgres
    does not know yet. ``tail`` was read after Postgres was asked who is where, and covers all of it."""

    of: dict[int, set[int]]
    since: dict[tuple[int, int], int]
    tail: Tail


def memberships_now(path: MessagePath, user_ids: Sequence[int], only: int | None = None) -> Memberships:
    """May block. Raise Overloaded where a store does not answer. ``only``: of this conversation alone."""
    with reading(path.engine) as connection:
        stored = conversations_of(connection, list(set(user_ids)))
    asked: set[int] = set()
    while True:
        wanted = asked | {c for mine in stored.values() for c in mine if only in (None, c)}
        tail = asking(lambda wanted=wanted: read_tail(path.redis, wanted))  # type: ignore[misc]
        of, since = _overlaid(stored, tail)
        asked = wanted | {c for mine in of.values() for c in mine if only in (None, c)}
        if asked == wanted:
            return Memberships({u: {c for c in mine if only in (None, c)} for u, mine in of.items()}, since, tail)


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
