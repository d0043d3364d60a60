"""The gateway's way into the log: operations in, decisions out, many in one round trip.

Two scripts, each with a queue of its own: lua/append.lua for messages, marks and typing, lua/change.lua for everything
else that becomes of messages and groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from redis import Redis

from app.core.records import Kind, pack, unpack
from app.message_log import keys
from app.redis_batch import EpochLostError
from app.redis_scripts import script

Decision = tuple[int, int, int, int]


class Decided(IntEnum):
    """The first number of a decision; seq, version and the moment of sending (ms) follow where they make sense."""

    DONE = 0
    STORED = 1  # the same id was here before, and Postgres has it
    PENDING = 2  # the same id was here before, and Postgres does not have it yet
    ID_CONFLICT = 3
    UNKNOWN = 4  # the conversation is not in Redis: hydrate it, then ask again
    NOT_A_MEMBER = 5
    FULL = 6
    UNCHANGED = 7  # a mark that moves nothing, with all of the conversation stored
    UNCHANGED_PENDING = 8  # a mark that moves nothing, and something of the conversation is not stored yet
    FORBIDDEN = 9
    LAST_OWNER = 10
    TOO_MANY = 11
    NOT_FOUND = 12  # no such message, or member
    DEFER = 13  # a mark in a large conversation: to be gathered
    VERSION_CONFLICT = 14  # the message was changed since it was read


class Operation(NamedTuple):
    """``what`` is a message's id, a mark's seq, 1 and 0 for typing, or a list as change.lua says; ``id`` the message's
    that is changed."""

    kind: int
    conversation_id: int
    user_id: int
    what: str | int | Sequence[Any]
    body: str = ""
    session_id: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class AppendLimits:
    max_records: int
    max_bytes: int
    dedupe_seconds: int


class Append:
    """Calls ``name``.lua over a connection of its own (``connect``). ``saw_epoch`` learns every answer's epoch;
    ``wake`` is called where no drain is running.
    """

    def __init__(
        self,
        redis: Redis,
        gateway: str,
        limits: AppendLimits,
        *,
        name: str = "append",
        connect: Callable[[], Redis],
        saw_epoch: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self._script = script(redis, "app.message_log", name, after="log")
        self._connect = connect
        self._client: Redis | None = None
        self._saw_epoch = saw_epoch
        self._wake = wake
        self._gateway = gateway
        self._keys = [keys.EPOCH, keys.VERSION, keys.LOG, keys.LOG_STATE, keys.ONLINE, keys.LEASE]
        self._limits = (limits.max_records, limits.max_bytes, limits.dedupe_seconds, keys.CONVERSATION_SECONDS)

    def __call__(self, operations: list[Operation]) -> list[Decision]:
        """One decision an operation. Raise EpochLostError, RedisError."""
        gateway = self._gateway
        heads: list[Any] = []
        ends: list[bytes] = []
        for kind, conversation_id, user_id, what, body, session_id, changed in operations:
            heads += (kind, conversation_id, user_id, what)
            # The record's last five members, as they will stand in it: without the header of an array of their own.
            ends.append(pack((user_id, what if kind == Kind.MESSAGE else changed, body, session_id, gateway))[1:])
        if self._client is None:
            self._client = self._connect()
        arguments: list[str | int | bytes] = [keys.PREFIX, *self._limits, pack(heads), *ends]
        answer = unpack(self._script(keys=self._keys, args=arguments, client=self._client))
        if answer[0] is False:
            raise EpochLostError
        epoch, wake, flat = answer
        self._saw_epoch(epoch)
        if wake:
            self._wake()
        return list(zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True))
