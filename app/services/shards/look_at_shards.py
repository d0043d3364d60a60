"""Reads the state of each shard's Redis: its epoch, the records in its log, and the processes that use it."""

from __future__ import annotations

from typing import Any, NamedTuple

from redis.exceptions import RedisError

from app.message_log.epoch import parse_epoch
from app.message_log.shards import Shard
from app.redis_calls import EpochLostError
from app.redis_publications import count_subscribers

GATEWAY_SECONDS = 10.0


class ShardLook(NamedTuple):
    """The state that was found. ``epoch`` is None if Redis has none. ``records`` is the number of records that are not
    stored yet.
    """

    number: int
    answers: bool = False
    epoch: int | None = None
    records: int = 0
    entries: int = 0
    drains: bool = False
    gateways: int = 0


def look_at(shard: Shard) -> ShardLook:
    """Never raises for a Redis that does not answer."""
    try:
        return _look(shard)
    except (RedisError, EpochLostError):
        return ShardLook(shard.part.number)


def _look(shard: Shard) -> ShardLook:
    keys = shard.keys
    now: Any = shard.redis.time()
    since_ms = int(now[0]) * 1000 + int(now[1]) // 1000 - int(GATEWAY_SECONDS * 1000)
    pipe = shard.redis.pipeline(transaction=False)
    pipe.get(keys.epoch)
    pipe.hget(keys.log_state, "records")
    pipe.xlen(keys.log)
    pipe.exists(keys.lease)
    pipe.zcount(keys.gateways, since_ms, "+inf")
    count_subscribers(pipe, keys.rosters)  # a gateway subscribes at once, but sends its first heartbeat after seconds
    epoch, records, entries, lease, beating, [(_, listening)] = pipe.execute()
    return ShardLook(
        number=shard.part.number,
        answers=True,
        epoch=parse_epoch(epoch).number if epoch else None,
        records=int(records or 0),
        entries=entries,
        drains=bool(lease),
        gateways=max(beating, int(listening)),
    )
