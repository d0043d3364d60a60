"""Signs of life of the workers that store messages: one look tells that somebody will store."""

from __future__ import annotations

import time

import redis

from app.message_log import keys

ALIVE_SECONDS = 30


def heartbeat(client: redis.Redis, worker: str) -> None:
    """To be written every few seconds by each worker process, busy or idle."""
    now = time.time()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zadd(keys.WORKERS, {worker: now})
        pipeline.zremrangebyscore(keys.WORKERS, "-inf", now - 10 * ALIVE_SECONDS)
        pipeline.execute()


def count_alive(client: redis.Redis) -> int:
    """Workers that gave a sign within ALIVE_SECONDS."""
    return client.zcount(keys.WORKERS, time.time() - ALIVE_SECONDS, "+inf")
