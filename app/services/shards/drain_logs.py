"""Stores the records that wait in the logs, while no worker runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from redis import Redis
from sqlalchemy import Engine

from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.services.drain.store_log import Drain
from app.services.shards.look_at_shards import look_at

LEASE_SECONDS = 10.0
BATCH = 500


def drain_logs(engine: Engine, shards: Iterable[Shard], connect: Callable[[int], Redis]) -> int:
    """Returns how many records there were. ``connect`` opens a connection to the Redis of a shard. Raises RedisError.

    Postgres must answer, because a drain would wait for it forever.
    """
    return sum(_drain(engine, shard, connect) for shard in shards if look_at(shard).entries)


def _drain(engine: Engine, shard: Shard, connect: Callable[[int], Redis]) -> int:
    redis, pooled = connect(shard.part.number), LogReader(shard)
    drain = Drain(
        LogReader(shard.over(redis)),
        engine,
        batch=BATCH,
        linger_seconds=0.0,
        lease_seconds=LEASE_SECONDS,
        stopping=lambda: False,
        alive=lambda _: None,
        renew=lambda token, seconds: pooled.renew(token, seconds, take=False),
    )
    try:
        drain.run()
    finally:
        redis.close()
    return drain.stats.records
