"""Conversations in Redis: brought from Postgres when first spoken in, and their unstored tail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from redis import Redis

from app.core.records import Record, pack, unpack_record
from app.message_log import keys
from app.redis_scripts import script


class ConversationState(Protocol):
    """What the store knows of a conversation; ``members`` are (user id, role, delivered seq, read seq)."""

    @property
    def id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def last_seq(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def members(self) -> list[tuple[int, str, int, int]]: ...


def hydrate(redis: Redis, epoch: int, state: ConversationState) -> bool:
    """Put a conversation into Redis unless it is there. False where ``epoch`` is over: read Postgres again."""
    members = sorted(row[0] for row in state.members)
    marks = [(user, delivered, read) for user, _, delivered, read in state.members if delivered or read]
    answer = script(redis, "app.message_log", "hydrate")(
        keys=[keys.EPOCH, keys.conversation(state.id)],
        args=[
            epoch,
            state.kind,
            pack(members),
            state.last_seq,
            state.version,
            keys.CONVERSATION_SECONDS,
            pack(marks),
        ],
    )
    return bool(answer)


def is_in_redis(redis: Redis, conversation_id: int) -> bool:
    return bool(redis.hexists(keys.conversation(conversation_id), "m"))


def read_tail(redis: Redis, conversation_ids: Iterable[int]) -> list[Record]:
    """Records that are accepted but not in Postgres yet, oldest first. Read this *before* Postgres: a record that is
    stored in between is then seen twice, never missed."""
    ids = list(conversation_ids)
    return read_tail_and_version(redis, ids)[0] if ids else []


def read_tail_and_version(redis: Redis, conversation_ids: Iterable[int]) -> tuple[list[Record], int]:
    """The tail, and the last version given out at that moment: whatever these conversations have up to it is in this
    tail, or is found by whoever reads Postgres afterwards."""
    arguments: list[str | int] = [keys.PREFIX, *conversation_ids]
    answer = script(redis, "app.message_log", "tail")(keys=[keys.LOG, keys.VERSION], args=arguments)
    records = [unpack_record(packed) for packed_list in answer[2::2] for packed in packed_list]
    records.sort(key=lambda record: record.version)
    return records, int(answer[0])
