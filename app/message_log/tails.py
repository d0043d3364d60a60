"""Tails: the records in the log of one or several shards that Postgres does not have yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from redis import RedisError

from app.core.part import Part, divided
from app.core.records import Record, unpack, unpack_record
from app.message_log.shards import Shard
from app.redis_calls import redis_is_away
from app.redis_scripts import script


class MembershipChange(NamedTuple):
    """The users who joined and left a conversation with the system message at this seq. A direct conversation that was
    held back from its user is joined at seq 0: all of it is new to them.
    """

    version: int
    conversation_id: int
    seq: int
    joined: list[int]
    left: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstored:
    """Records that are accepted but not in Postgres yet. ``memberships`` has the unstored changes of all
    conversations.

    Within a conversation, both are in order, oldest first. Between conversations of different shards there is no
    order: each shard has a clock of its own.
    """

    records: list[Record]
    memberships: list[MembershipChange]
    is_empty: bool  # the whole log is empty: Postgres has everything
    streams: Sequence[tuple[int, int]] = ()  # (conversation, seq) of open streams

    def change_of(self, user_id: int, conversation_id: int) -> MembershipChange | None:
        """Returns the user's last unstored joining or leaving of the conversation, or None."""
        changes = (c for c in reversed(self.memberships) if c.conversation_id == conversation_id)
        return next((c for c in changes if user_id in c.joined or user_id in c.left), None)

    def admitted(self, user_ids: Iterable[int]) -> set[int]:
        """Returns the direct conversations that Postgres still holds back, although these users have admitted them."""
        users = set(user_ids)
        return {c.conversation_id for c in self.memberships if not c.seq and not users.isdisjoint(c.joined)}

    def joined_in(self, conversation_id: int) -> dict[int, int]:
        """Returns user -> seq of the system message, for unstored joinings of this conversation."""
        changes = [c for c in self.memberships if c.conversation_id == conversation_id]
        return {user: change.seq for change in changes for user in change.joined}

    def membership_of(self, user_id: int) -> dict[int, tuple[bool, int]]:
        """Returns conversation -> (is a member now, seq of the system message), for unstored changes of this user."""
        found: dict[int, tuple[bool, int]] = {}
        for change in self.memberships:
            if user_id in change.joined:
                found[change.conversation_id] = True, change.seq
            elif user_id in change.left:
                found[change.conversation_id] = False, change.seq
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail(Unstored):
    """The tail of one shard, oldest first.

    Every record of the requested conversations up to ``version`` is in here, or is in Postgres for a later read.
    ``epoch`` is the one that the records belong to. If Redis has none, it is 0, and no record is used.
    """

    version: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails(Unstored):
    """The tails of several shards, for readers that need no position. ``by_part`` has the tail of each part, and
    ``away`` has the parts of the shards that did not answer.
    """

    by_part: Sequence[tuple[Part, Tail]]
    away: Sequence[Part] = ()

    def of(self, conversation_id: int) -> Tail:
        """Returns the tail that has this conversation. Raises Overloaded if its shard did not answer."""
        found = next((tail for part, tail in self.by_part if part.has(conversation_id)), None)
        if found is None:
            raise redis_is_away()
        return found

    def lacks(self, conversation_id: int) -> bool:
        """Returns whether the conversation's shard did not answer."""
        return any(part.has(conversation_id) for part in self.away)


def read_tail(shard: Shard, conversation_ids: Iterable[int]) -> Tail:
    """Call this *before* reading Postgres. A record that is stored in between is then seen twice, but never missed."""
    arguments: list[str | int] = [shard.keys.prefix, *conversation_ids]
    names = [shard.keys.log, shard.keys.version, shard.keys.memberships, shard.keys.epoch, shard.keys.streams]
    answer = script(shard.redis, "app.message_log", "tail")(keys=names, args=arguments)
    version, epoch, entries, changes, open_ = answer[:5]
    streams = [(int(c), int(seq)) for c, seqs in zip(open_[::2], open_[1::2], strict=True) for seq in seqs]
    records = [unpack_record(packed) for packed_list in answer[6::2] for packed in packed_list]
    records.sort(key=lambda record: record.version)
    memberships = [MembershipChange(*unpack(packed)) for packed in changes]
    return Tail(
        records=records,
        version=int(version),
        memberships=memberships,
        is_empty=not entries,
        epoch=epoch,
        streams=streams,
    )


def read_tails(
    shards: Sequence[Shard], conversation_ids: Iterable[int], *, some: bool = False, away: Sequence[Part] = ()
) -> Tails:
    """Reads the tails of all these shards, each with its own part of the conversations. Call this *before* reading
    Postgres, as ``read_tail``.

    Raises RedisError if a shard does not answer. With ``some``, only if none answers. ``away`` are parts of shards that
    did not answer before, and are not called again.
    """
    ids_of = divided(conversation_ids, shards[0].part.total) if shards else {}
    tails: list[tuple[Part, Tail]] = []
    failed: list[tuple[Part, RedisError]] = []
    for shard in shards:
        try:
            tails.append((shard.part, read_tail(shard, ids_of.get(shard.part.number, ()))))
        except RedisError as error:
            failed.append((shard.part, error))
            if not some:
                break
    if failed and not (some and tails):
        raise failed[0][1]
    return merged(tails, [*away, *(part for part, _ in failed)])


def merged(by_part: Sequence[tuple[Part, Tail]], away: Sequence[Part] = ()) -> Tails:
    """Returns one tail with the records of all of them."""
    tails = [tail for _, tail in by_part]
    records = [record for tail in tails for record in tail.records]
    if len(tails) > 1:
        records.sort(key=lambda record: record.version)  # keeps the order within each conversation
    return Tails(
        records=records,
        memberships=[change for tail in tails for change in tail.memberships],
        is_empty=not away and all(tail.is_empty for tail in tails),
        streams=[place for tail in tails for place in tail.streams],
        by_part=by_part,
        away=away,
    )
