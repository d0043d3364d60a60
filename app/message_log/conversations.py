"""Conversations in Redis: loaded from Postgres when they are first used. tails.py has their unstored records."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, cast

from redis.commands.core import Script

from app.core.records import pack, unpack
from app.message_log import keys
from app.message_log.shards import Shard, Shards
from app.redis_scripts import script

# As in lua/log.lua and lua/large.lua.
LARGE = 100
LISTED_UP_TO = 10_000
# The members that one call prepares, in about a millisecond.
LOADED_AT_ONCE = 250


class ConversationState(Protocol):
    """A conversation as the store has it. ``members`` are (user id, role, delivered seq, read seq)."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def members(self) -> Sequence[tuple[int, str, int, int]]: ...
    @property
    def info(self) -> dict[str, Any]: ...
    @property
    def floors(self) -> dict[int, int]: ...
    @property
    def blockers(self) -> list[int]: ...
    @property
    def marked_unread(self) -> list[int]: ...


class SentMessage(Protocol):
    @property
    def conversation_id(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def sender_id(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def sent_ms(self) -> int: ...


EVERYBODY = 1_000_000  # more members than any group has


class GroupNow(NamedTuple):
    """A group as Redis has it, which is newer than Postgres. ``members`` are (user, role, delivered, read), or None
    if they are too many to show.
    """

    info: dict[str, Any]
    member_count: int
    members: list[tuple[int, str, int, int]] | None
    last_seq: int


def hydrate(shard: Shard, epoch: int, state: ConversationState) -> bool:
    """Writes a conversation to Redis unless it is there. Returns False if ``epoch`` is over: read Postgres again."""
    return bool(_hydration(shard)(*_keys_and_arguments(shard, epoch, state)))


def hydrate_all(shard: Shard, epoch: int, states: Sequence[ConversationState]) -> set[int]:
    """Writes these conversations to Redis, in one pipeline, unless they are there. Returns the ids of those that are in
    Redis now. If ``epoch`` is over, some are missing: read Postgres again.
    """
    if len(states) == 1:  # a pipeline would first look up whether Redis has the script
        return {state.id for state in states if hydrate(shard, epoch, state)}
    write = _hydration(shard)
    with shard.redis.pipeline(transaction=False) as pipe:
        for state in states:
            write(*_keys_and_arguments(shard, epoch, state), client=pipe)
        return {state.id for state, answer in zip(states, pipe.execute(), strict=True) if answer}


def _hydration(shard: Shard) -> Script:
    return script(shard.redis, "app.message_log", "hydrate")


def _keys_and_arguments(shard: Shard, epoch: int, state: ConversationState) -> tuple[list[str], list[Any]]:
    """Returns KEYS and ARGV of hydrate.lua, after preparing the members of a large conversation in Redis."""
    is_large = len(state.members) > LARGE
    loading = (shard.keys.loading(secrets.token_hex(8), "c"), shard.keys.loading(secrets.token_hex(8), "cm"))
    if is_large:
        _load_members(shard, state, loading)
    id_ = state.id
    names = [
        shard.keys.epoch,
        shard.keys.conversation(id_),
        shard.keys.routes(id_),
        shard.keys.members(id_),
        shard.keys.counts(id_),
        *loading,
    ]
    marks = [(user, delivered, read) for user, _, delivered, read in state.members if delivered or read]
    arguments = [
        epoch,
        state.last_seq,
        state.version,
        keys.CONVERSATION_SECONDS,
        pack([] if is_large else marks),
        len(state.members) if is_large else 0,
        *_fields(state),
    ]
    return names, arguments


def _fields(state: ConversationState) -> list[Any]:
    """Returns name, value, name, value and so on, as keys.conversation describes them."""
    unread = state.marked_unread if len(state.members) <= LARGE else []
    fields = {
        "k": state.kind,
        "m": _pack_members(sorted(row[0] for row in state.members)),
        "o": pack([user for user, role, _, _ in state.members if role == "owner"]),
        "a": pack([user for user, role, _, _ in state.members if role == "admin"]),
        "f": pack(state.floors),
        "i": pack(state.info),
        "b": pack(state.blockers),
        "w": int(bool(state.info.get("readOnly"))),
        **{f"u:{user}": 1 for user in unread},
    }
    return [part for field in fields.items() for part in field]


def _load_members(shard: Shard, state: ConversationState, loading: tuple[str, str]) -> None:
    load = script(shard.redis, "app.message_log", "load_members")
    unread = set(state.marked_unread)
    rows = [(user, delivered, read, int(user in unread)) for user, _, delivered, read in state.members]
    for first in range(0, len(rows), LOADED_AT_ONCE):
        some = pack(rows[first : first + LOADED_AT_ONCE])
        load(keys=loading, args=[shard.keys.prefix, state.id, keys.LARGE_GROUPS_SECONDS, keys.LOADING_SECONDS, some])


def _pack_members(members: list[int]) -> bytes:
    """Returns the field ``m``: packed, and for a large conversation with an ARRAY32 header, as large.lua writes it."""
    if len(members) <= LARGE:
        return pack(members)
    listed = members if len(members) <= LISTED_UP_TO else []
    header = b"\xdd" + len(listed).to_bytes(4, "big")
    return header + b"".join(pack(user) for user in listed)


def mark_sent(shards: Shards, messages: Sequence[SentMessage], *, seconds: int) -> None:
    """Writes the dedupe marks of messages that did not come through the log and are in Postgres."""
    for shard, conversation_ids in shards.parts({one.conversation_id for one in messages}):
        pipeline = shard.redis.pipeline(transaction=False)
        for one in messages:
            if one.conversation_id in conversation_ids:
                mark = f"{one.seq}:{one.version}:{one.sent_ms}:{one.sender_id}"
                pipeline.set(shard.keys.dedupe_mark(one.conversation_id, one.id), mark, ex=seconds, nx=True)
        pipeline.execute()


class Mark(NamedTuple):
    seq: int
    version: int
    sent_ms: int
    sender_id: int


def read_mark(shard: Shard, conversation_id: int, message_id: str) -> Mark | None:
    """Returns the dedupe mark of a message, or None."""
    mark: Any = shard.redis.get(shard.keys.dedupe_mark(conversation_id, message_id))
    return None if mark is None else Mark(*map(int, mark.split(b":")))


def set_blockers(shard: Shard, conversation_id: int, blockers: list[int]) -> bool:
    """Sets who cannot write in a direct conversation. Returns False, and does nothing, if Redis does not have it."""
    write = script(shard.redis, "app.message_log", "blockers")
    return bool(write(keys=[shard.keys.conversation(conversation_id)], args=[pack(blockers)]))


def is_in_redis(shard: Shard, conversation_id: int) -> bool:
    return bool(shard.redis.hexists(shard.keys.conversation(conversation_id), "m"))


def which_are_in_redis(shard: Shard, conversation_ids: Sequence[int]) -> set[int]:
    """Returns those of the conversations that Redis has, after one round trip."""
    with shard.redis.pipeline(transaction=False) as pipe:
        for id_ in conversation_ids:
            pipe.hexists(shard.keys.conversation(id_), "m")
        return {id_ for id_, is_there in zip(conversation_ids, pipe.execute(), strict=True) if is_there}


def group_now(shard: Shard, conversation_id: int, max_members: int = 100) -> GroupNow | None:
    """Returns the group, with its members if there are at most ``max_members``. Returns None if Redis does not have
    it; Postgres then has all of it.
    """
    key = shard.keys.conversation(conversation_id)
    found: list[Any] = shard.redis.hmget(key, ["m", "o", "a", "i", "s"])
    members, owners, admins, info, last_seq = found
    if members is None:
        return None
    count = len(unpack(members)) or _count(shard, conversation_id)
    shown = None
    if count <= max_members:
        ids = unpack(members) or _all_members(shard, conversation_id)
        marks: list[Any] = shard.redis.hmget(key, [f"{mark}:{user}" for user in ids for mark in "dr"]) if ids else []
        roles = {**dict.fromkeys(unpack(admins), "admin"), **dict.fromkeys(unpack(owners), "owner")}
        shown = [
            (user, roles.get(user, "member"), int(marks[2 * i] or 0), int(marks[2 * i + 1] or 0))
            for i, user in enumerate(ids)
        ]
    return GroupNow(dict(unpack(info)), count, shown, int(last_seq))


def members_of(shard: Shard, conversation_id: int) -> frozenset[int] | None:
    """Returns None if Redis does not have the conversation."""
    packed: Any = shard.redis.hget(shard.keys.conversation(conversation_id), "m")
    return None if packed is None else frozenset(unpack(packed) or _all_members(shard, conversation_id))


def members_among(shard: Shard, conversation_id: int, users: Iterable[int]) -> frozenset[int] | None:
    """Returns which of the users are members, or None if Redis does not have the conversation."""
    packed: Any = shard.redis.hget(shard.keys.conversation(conversation_id), "m")
    if packed is None:
        return None
    listed, wanted = unpack(packed), sorted(set(users))
    if listed:
        return frozenset(wanted) & frozenset(listed)
    with shard.redis.pipeline(transaction=False) as pipe:
        for user in wanted:
            pipe.sismember(shard.keys.members(conversation_id), str(user))
        return frozenset(user for user, is_member in zip(wanted, pipe.execute(), strict=True) if is_member)


def role_of(shard: Shard, conversation_id: int, user_id: int) -> str | None:
    """Returns None for a non-member, and if Redis does not have the conversation."""
    found: list[Any] = shard.redis.hmget(shard.keys.conversation(conversation_id), ["m", "o", "a"])
    members, owners, admins = found
    if members is None:
        return None
    listed = unpack(members)
    if user_id not in listed and (listed or not members_among(shard, conversation_id, [user_id])):
        return None
    if user_id in unpack(owners):
        return "owner"
    return "admin" if user_id in unpack(admins) else "member"


# A conversation that lists no members in its hash is a very large one, or has none.


def _count(shard: Shard, conversation_id: int) -> int:
    return int(cast(Any, shard.redis.scard(shard.keys.members(conversation_id))))


def _all_members(shard: Shard, conversation_id: int) -> list[int]:
    found: Any = shard.redis.smembers(shard.keys.members(conversation_id))
    return sorted(int(user) for user in found)
