"""Epochs: one unbroken history of Redis each.

Redis holds seq counters, versions and the unstored tail. Where it comes back empty, they are rebuilt from Postgres,
and a new epoch begins: first in Postgres, under a row lock that every drain's transaction shares, so that no drain of
the old epoch can still commit records that the new counters know nothing of; then in Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from redis import Redis

from app.core.errors import Overloaded
from app.message_log import keys
from app.redis_scripts import script


class Epoch(NamedTuple):
    """``started_ms``: since when dedupe marks are complete; 0 where they always were."""

    number: int
    started_ms: int


# Opens a transaction in which Postgres' epoch is counted up: gives (new epoch, greatest version stored), commits
# where the block ends without an error.
NextEpoch = Callable[[], AbstractContextManager[tuple[int, int]]]


class _AlreadyBegunError(Exception):
    def __init__(self, epoch: Epoch) -> None:
        super().__init__(epoch)
        self.epoch = epoch


def read_epoch(redis: Redis) -> Epoch | None:
    """None where Redis lost its data."""
    value = redis.get(keys.EPOCH)
    if not isinstance(value, bytes):
        return None
    return _parse(value)


def _parse(value: bytes) -> Epoch:
    number, started = value.split(b":")
    return Epoch(int(number), int(started))


def last_version(redis: Redis) -> int:
    """The last version given out; 0 where Redis lost its data."""
    value = redis.get(keys.VERSION)
    return int(value) if isinstance(value, bytes) else 0


def begin_epoch(redis: Redis, next_epoch: NextEpoch) -> Epoch:
    """Begin a new epoch, or join the one that another process has begun meanwhile.

    Raise Overloaded where Postgres does not answer, or while another process is at it (one at a time: the next would
    forget what the first has begun with). Raise RedisError where Redis does not answer.
    """
    if not redis.set(keys.EPOCH_BEGINS, "1", nx=True, px=keys.EPOCH_BEGINS_MS):
        raise Overloaded("A new epoch is about to begin.", retry_after=0.5)
    try:
        return _begin(redis, next_epoch)
    finally:
        redis.delete(keys.EPOCH_BEGINS)


def _begin(redis: Redis, next_epoch: NextEpoch) -> Epoch:
    try:
        with next_epoch() as (number, greatest_version):
            found = read_epoch(redis)
            if found is not None:
                raise _AlreadyBegunError(found)  # and the count in Postgres is rolled back
            _forget_leftovers(redis)
            now_us = int(time.time() * 1_000_000)
            version = max(greatest_version, now_us)
            redis.set(keys.VERSION, version)
            redis.hset(keys.LOG_STATE, "stored", version)  # whatever there is, Postgres has it
    except _AlreadyBegunError as already:
        return already.epoch
    # Where nothing was ever stored, nothing was ever sent that a lost dedupe mark could have told of.
    started_ms = now_us // 1000 if greatest_version else 0
    # Only now, after the commit: an epoch in Redis that Postgres does not know would stop every drain.
    value = script(redis, "app.message_log", "begin")(keys=[keys.EPOCH], args=[number, f"{number}:{started_ms}"])
    return _parse(value)


def _forget_leftovers(redis: Redis) -> None:
    """What outlived the epoch's own key (somebody deleted it by hand) belongs to no history any more."""
    for pattern in ("c:*", "rt:*", "t:*", "x:*", "y:*", "g:*"):
        for name in redis.scan_iter(match=keys.PREFIX + pattern, count=1000):
            redis.unlink(name)
    redis.unlink(keys.LOG, keys.LOG_STATE, keys.MEMBERSHIPS, keys.ONLINE, keys.GATEWAYS)
