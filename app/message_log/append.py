"""The gateway's way into the log: operations in, decisions out, many in one round trip.

There are three scripts, each with its own queue: lua/append.lua for messages, marks and typing, lua/stream.lua for the
text of streams, and lua/change.lua for all other changes of messages and groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from redis import Redis

from app.core.kinds import PRIVATE, Kind
from app.core.records import pack, unpack
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_calls import EpochLostError
from app.redis_scripts import LoadedFunction

Decision = tuple[int, int, int, int]

# The table of kinds, for the scripts.
KIND_CONSTANTS = "".join(f"local KIND_{kind.name} = {int(kind)}\n" for kind in Kind)
PRIVATE_CONSTANT = f"local PRIVATE = {{{', '.join(f'[{kind}] = true' for kind in sorted(PRIVATE))}}}\n"


class Decided(IntEnum):
    """The first number of a decision. seq, version and the time of sending (ms) follow if they apply."""

    DONE = 0
    STORED = 1  # the same id was accepted before, and it is in Postgres
    PENDING = 2  # the same id was accepted before, and it is not in Postgres yet
    ID_CONFLICT = 3
    UNKNOWN = 4  # the conversation is not in Redis: hydrate it, then try again
    NOT_A_MEMBER = 5
    FULL = 6
    UNCHANGED = 7  # the mark does not move; the whole conversation is stored
    UNCHANGED_PENDING = 8  # the mark does not move; something of the conversation is not stored yet
    FORBIDDEN = 9
    LAST_OWNER = 10
    TOO_MANY = 11
    NOT_FOUND = 12  # no such message, or no such member
    DEFER = 13  # a mark in a large conversation: send it in a RECEIPT_BATCH
    VERSION_CONFLICT = 14  # the message was changed since it was read
    READ_ONLY = 16  # only owners and admins may write in this group
    STOPPED = 20  # the stream has ended
    GAP = 21  # the text does not follow the end of the stream
    TEXT_FULL = 22  # the text would be too long
    STALE = 15  # the message was read, or its id looked up, in another epoch: read or look up again


# Flags of a message (append.lua): the host's server sends it; it begins a stream; only its sender sees it; its id was
# looked up in Postgres.
BY_HOST, BEGINS_STREAM, SHADOW, LOOKED_UP = 1, 2, 4, 8
# Used instead of an epoch for a message that was read while Redis had none. No epoch has this number.
NO_EPOCH = -1


class Operation(NamedTuple):
    """``what``: a message's id (with a quotation or flags: as described in append.lua), a mark's seq, 1 or 0 for
    typing, the body of an event, or a list as described in change.lua and stream.lua. ``id``: the id of the message
    that is sent or changed. ``epoch``: the one in which a message's id was looked up; 0 for no look-up.
    """

    kind: int
    conversation_id: int
    user_id: int
    what: str | int | Sequence[Any]
    body: str = ""
    session_id: str = ""
    id: str = ""
    epoch: int = 0


def message_flags(by_host: bool, begins_stream: bool, shadow: bool, looked_up: bool) -> int:
    return BY_HOST * by_host + BEGINS_STREAM * begins_stream + SHADOW * shadow + LOOKED_UP * looked_up


def message_operand(
    id_: str, quoted: Any = None, flags: int = 0, *, sent_ms: int | None = None
) -> str | tuple[Any, ...]:
    """Returns the ``what`` of a message. Only an imported message, whose flags are BY_HOST, has a ``sent_ms``."""
    if sent_ms is not None:
        return id_, False, flags, sent_ms
    if flags:
        return id_, False if quoted is None else quoted, flags
    return id_ if quoted is None else (id_, quoted)


@dataclass(frozen=True, slots=True)
class AppendLimits:
    max_records: int
    max_bytes: int
    dedupe_seconds: int


def _load(redis: Redis, name: str) -> LoadedFunction:
    after, constants = "log large", KIND_CONSTANTS
    if name == "change":  # the others need no groups, and a table costs time in each call
        after, constants = f"{after} groups", constants + PRIVATE_CONSTANT
    return LoadedFunction(redis, "app.message_log", name, after=after, constants=constants)


class Append:
    """Calls ``name``.lua over its own connection, which ``connect`` opens.

    ``saw_epoch`` is called with the epoch of every result, ``saw_version`` with the epoch and the greatest version,
    ``wake`` if something was logged and no drain is running.
    """

    def __init__(
        self,
        shard: Shard,
        gateway: str,
        limits: AppendLimits,
        *,
        name: str = "append",
        connect: Callable[[], Redis],
        saw_epoch: Callable[[int], None],
        saw_version: Callable[[int, int], None] = lambda _epoch, _version: None,
        wake: Callable[[], None],
    ) -> None:
        self._script = _load(shard.redis, name)
        self.name = name
        self._connect = connect
        self._client: Redis | None = None
        self._saw_epoch = saw_epoch
        self._saw_version = saw_version
        self._wake = wake
        self._gateway = gateway
        self._prefix = shard.keys.prefix
        self._keys = [
            shard.keys.epoch,
            shard.keys.version,
            shard.keys.log,
            shard.keys.log_state,
            shard.keys.online,
            shard.keys.lease,
            *([shard.keys.milestone] if shard.part.total > 1 else []),
        ]
        self._limits = (limits.max_records, limits.max_bytes, limits.dedupe_seconds, keys.CONVERSATION_SECONDS)

    def connect(self) -> None:
        """Connects now, so that the first send finds a connection. Raises RedisError."""
        client = self._connect()
        if self._client is None:
            self._client = client
        else:  # a send has connected already
            client.close()

    def check(self) -> None:
        """Raises RedisError if the log cannot be written: there is no connection, and none can be opened."""
        client = self._client
        if client is None or client.connection is None or not client.connection.is_connected:
            self._connect().close()

    def __call__(self, operations: list[Operation]) -> list[Decision]:
        """Returns one decision per operation. Raises EpochLostError, RedisError."""
        gateway = self._gateway
        heads: list[Any] = []
        ends: list[bytes] = []
        looked_up = 0
        for kind, conversation_id, user_id, what, body, session_id, changed, epoch in operations:
            if epoch and (epoch < looked_up or not looked_up):
                looked_up = epoch
            heads += (kind, conversation_id, user_id, what)
            # The last five fields of the record, packed without an array header, as the record contains them.
            message_id = (changed or what) if kind == Kind.MESSAGE else changed
            ends.append(pack((user_id, message_id, body, session_id, gateway))[1:])
        if self._client is None:
            self._client = self._connect()
        arguments: list[str | int | bytes] = [self._prefix, *self._limits, pack(heads), *ends, looked_up]
        answer = unpack(self._script(keys=self._keys, args=arguments, client=self._client))
        if answer[0] is False:
            raise EpochLostError
        current, wake, flat = answer
        self._saw_epoch(current)
        self._saw_version(current, max(flat[2::4], default=0))
        if wake:
            self._wake()
        return list(zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True))
