"""Epochs. An epoch is one unbroken history of Redis.

Redis holds seq counters, versions and the unstored tail. If it comes back empty, they are rebuilt from Postgres and a
new epoch begins: first in Postgres, then in Redis. In Postgres this takes a row lock that every drain's transaction
takes too, so no drain of the old epoch can still commit records that the new counters do not include.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from app.core.errors import Overloaded
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_scripts import script


class Epoch(NamedTuple):
    """``started_ms``: the time since which dedupe marks are complete; 0 if they always were."""

    number: int
    started_ms: int


# Opens a transaction that increments the epoch in Postgres. Yields (new epoch, greatest stored version), and commits if
# the block ends without an error.
NextEpoch = Callable[[], AbstractContextManager[tuple[int, int]]]


class EpochBeginsError(Overloaded):
    """Another caller, in this process or another one, is beginning an epoch."""


class _AlreadyBegunError(Exception):
    def __init__(self, epoch: Epoch) -> None:
        super().__init__(epoch)
        self.epoch = epoch


def read_epoch(shard: Shard) -> Epoch | None:
    """Returns None if Redis lost its data."""
    value = shard.redis.get(shard.keys.epoch)
    if not isinstance(value, bytes):
        return None
    return parse_epoch(value)


def parse_epoch(value: bytes) -> Epoch:
    """Returns the epoch that the key of the epoch has as its value."""
    number, started = value.split(b":")
    return Epoch(int(number), int(started))


def last_version(shard: Shard) -> int:
    """Returns the last assigned version; 0 if Redis lost its data."""
    value = shard.redis.get(shard.keys.version)
    return int(value) if isinstance(value, bytes) else 0


def begin_epoch(shard: Shard, next_epoch: NextEpoch) -> Epoch:
    """Begins a new epoch, or returns it if another process has just begun it.

    Only one process at a time may do this, since a second one would delete the keys of the first one's new epoch.
    Raises EpochBeginsError if another caller is doing it, Overloaded if Postgres fails, and RedisError if Redis fails.
    """
    if not shard.redis.set(shard.keys.epoch_begins, "1", nx=True, px=keys.EPOCH_BEGINS_MS):
        raise EpochBeginsError("A new epoch is about to begin.", retry_after=0.5)
    try:
        return _begin(shard, next_epoch)
    finally:
        shard.redis.delete(shard.keys.epoch_begins)


def _begin(shard: Shard, next_epoch: NextEpoch) -> Epoch:
    try:
        with next_epoch() as (number, greatest_version):
            found = read_epoch(shard)
            if found is not None:
                raise _AlreadyBegunError(found)  # this rolls back the increment in Postgres
            _delete_leftovers(shard)
            now_us = int(time.time() * 1_000_000)
            version = max(greatest_version, now_us)
            shard.redis.set(shard.keys.version, version)
            shard.redis.hset(shard.keys.log_state, "stored", version)  # everything that exists is in Postgres
    except _AlreadyBegunError as already:
        return already.epoch
    # If nothing was ever stored, no dedupe mark can have been lost.
    started_ms = now_us // 1000 if greatest_version else 0
    # Only after the commit: an epoch in Redis that is not in Postgres would stop every drain.
    value = script(shard.redis, "app.message_log", "begin")(
        keys=[shard.keys.epoch], args=[number, f"{number}:{started_ms}"]
    )
    return parse_epoch(value)


def _delete_leftovers(shard: Shard) -> None:
    """Deletes the old epoch's keys, in case only the key of the epoch itself was deleted by hand."""
    of_large_groups = ("cm:*", "gc:*", "ug:*", "l:*")
    of_streams = ("s:*", "sx:*", "sk:*", "sid:*", "so:*")  # a writer begins a lost stream again, under the same id
    for pattern in ("c:*", "rt:*", "t:*", "x:*", "y:*", "e:*", "m:*", "g:*", *of_large_groups, *of_streams):
        for name in shard.redis.scan_iter(match=shard.keys.prefix + pattern, count=1000):
            shard.redis.unlink(name)
    shard.redis.unlink(
        shard.keys.log,
        shard.keys.log_state,
        shard.keys.lease,
        shard.keys.memberships,
        shard.keys.online,
        shard.keys.gateways,
    )
