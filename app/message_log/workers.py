"""Heartbeats of the workers that store messages, by Redis' clock, because the clocks of the machines may differ."""

from __future__ import annotations

from typing import Any

import redis

from app.message_log import keys

ALIVE_SECONDS = 30


def heartbeat(client: redis.Redis, worker: str) -> None:
    """Each worker process, busy or idle, calls this every few seconds."""
    now = _now(client)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zadd(keys.WORKERS, {worker: now})
        pipeline.zremrangebyscore(keys.WORKERS, "-inf", now - 10 * ALIVE_SECONDS)
        pipeline.execute()


def count_alive(client: redis.Redis) -> int:
    """Returns the number of workers with a heartbeat in the last ALIVE_SECONDS."""
    return client.zcount(keys.WORKERS, _now(client) - ALIVE_SECONDS, "+inf")


def seconds_since_heartbeat(client: redis.Redis) -> int | None:
    """Returns how long ago the last heartbeat of any worker was, or None if there was none in the last minutes."""
    newest: Any = client.zrange(keys.WORKERS, 0, 0, desc=True, withscores=True)
    return _now(client) - int(newest[0][1]) if newest else None


def _now(client: redis.Redis) -> int:
    """Returns the time of Redis, in seconds."""
    moment: Any = client.time()
    return int(moment[0])
