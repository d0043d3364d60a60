"""The conversations that users are members of now: from Postgres, plus accepted changes that are not stored yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from app.core.part import WHOLE, Part
from app.message_log.shards import Shard, Shards
from app.message_log.tails import Tails, Unstored, read_tails
from app.redis_calls import redis_errors_as_overloaded, redis_is_away
from app.store.engine import reading
from app.store.memberships import conversations_of


class Memberships(NamedTuple):
    """``of`` maps a user to conversations. ``since`` maps (user, conversation) to the seq with which the user joined,
    if Postgres does not have that membership yet. ``tails`` were read after the memberships in Postgres, and cover all
    of these conversations.
    """

    of: dict[int, set[int]]
    since: dict[tuple[int, int], int]
    tails: Tails

    def certain(self, user_id: int) -> set[int]:
        """Returns the user's conversations whose shards answered. The user may have left the others."""
        mine = self.of[user_id]
        return {c for c in mine if not self.tails.lacks(c)} if self.tails.away else mine

    def check_complete(self) -> None:
        """Raises Overloaded if a shard did not answer. For callers that did not find what they wanted."""
        if self.tails.away:
            raise redis_is_away()


def memberships_now(
    user_ids: Sequence[int],
    only: int | None = None,
    *,
    engine: Engine,
    shards: Shards,
    shard: Shard | None = None,
    some: bool = False,
) -> Memberships:
    """Reads the memberships of these users: only in one conversation (``only``), in those of one ``shard``, or in all.
    Calls only the shards that are needed. May block.

    Raises Overloaded if a store does not answer. With ``some``, shards that do not answer are left out
    (``Tails.away``) unless none answers: then ``of`` has what Postgres has of their conversations.

    A membership that began before the call is found even if it is stored between the reads, because it is then in the
    first tails, and Postgres is read again.
    """
    if only is not None:
        shard = shards.of(only)
    among = list(shards) if shard is None else [shard]
    part = WHOLE if shard is None else shard.part
    asked: set[int] = set()
    with redis_errors_as_overloaded():
        tails = read_tails(among, [], some=some)
    while True:
        # A shard that answers only later could hide a membership that was stored meanwhile.
        among = [one for one in among if one.part not in tails.away]
        began = _joined(tails, user_ids)
        with reading(engine) as connection:
            stored = conversations_of(connection, list(set(user_ids)))
        wanted = asked.union(*(_within(mine, only, part) for mine in stored.values()))
        with redis_errors_as_overloaded():
            tails = read_tails(among, wanted, some=some, away=tails.away)
        of, since = _overlaid(stored, tails)
        asked = wanted.union(*(_within(mine, only, part) for mine in of.values()))
        if asked == wanted and all(conversation_id in of[user_id] for user_id, conversation_id in began):
            return Memberships({u: _within(mine, only, part) for u, mine in of.items()}, since, tails)


def left_among(user_id: int, conversation_ids: Iterable[int], *, engine: Engine, shards: Shards) -> set[int]:
    """Returns the conversations in which the user is not a member now. Calls only their shards. May block. Raises
    Overloaded if a store does not answer.

    If a user left before the call, that is always found: if it is stored between the two reads, it was in the tail.
    """
    asked = set(conversation_ids)
    with redis_errors_as_overloaded():
        tails = read_tails([shard for shard, _ in shards.parts(asked)], [])
    with reading(engine) as connection:
        of, _ = _overlaid(conversations_of(connection, [user_id]), tails)
    return asked - of[user_id]


def _within(conversations: set[int], only: int | None, part: Part) -> set[int]:
    return part.among(conversations) if only is None else conversations & {only}


def _joined(tails: Unstored, user_ids: Sequence[int]) -> set[tuple[int, int]]:
    """Returns (user, conversation) of the unstored memberships."""
    return {
        (user_id, conversation_id)
        for user_id in (user_ids if tails.memberships else ())
        for conversation_id, (is_member, _) in tails.membership_of(user_id).items()
        if is_member
    }


def _overlaid(stored: dict[int, set[int]], tails: Unstored) -> tuple[dict[int, set[int]], dict[tuple[int, int], int]]:
    of: dict[int, set[int]] = {}
    since: dict[tuple[int, int], int] = {}
    for user_id, mine in stored.items():
        of[user_id] = set(mine)
        for conversation_id, (is_member, seq) in tails.membership_of(user_id).items():
            if is_member:
                of[user_id].add(conversation_id)
                since[user_id, conversation_id] = seq
            else:
                of[user_id].discard(conversation_id)
    return of, since
