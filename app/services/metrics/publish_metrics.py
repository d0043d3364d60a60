"""Publishes the metrics of every process to Redis, so that any web process can answer ``/metrics`` for all of them.

Every function raises RedisError if Redis does not answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple, cast

from redis import Redis

from app.core.records import pack, unpack
from app.message_log import keys
from app.message_log.shards import Shard, Shards
from app.services.metrics.metrics_snapshot import Snapshot

EVERY_SECONDS = 3.0
LIFETIME_SECONDS = 30
# A worker's metrics are only counters, which stay true however old they are. Between two drains nobody publishes them
# again, so they live longer.
WORKER_LIFETIME_SECONDS = 600
# Under these names, workers publish the pending work of the whole deployment.
PUSH_QUEUE = "push-queue"
MEDIA_QUEUE = "media-queue"
WEBHOOK_QUEUE = "webhook-queue"
SEARCH_INDEX = "search-index"


class LogState(NamedTuple):
    """``age_seconds`` is the age of the oldest entry that is not stored yet; 0 if all are stored."""

    records: int
    bytes: int
    age_seconds: float


def publish(redis: Redis, process: str, snapshot: Snapshot, *, lifetime_seconds: int = LIFETIME_SECONDS) -> None:
    """Replaces the snapshot that this process published before."""
    now = time.time()
    with redis.pipeline(transaction=False) as pipe:
        pipe.set(keys.process_metrics(process), pack(snapshot), ex=lifetime_seconds)
        pipe.zadd(keys.PROCESSES, {process: now + lifetime_seconds})
        pipe.zremrangebyscore(keys.PROCESSES, "-inf", now - 1)
        pipe.execute()


def publish_drain(redis: Redis, process: str, snapshot: Snapshot) -> None:
    """Publishes the counts of a worker process's drains since it started (DrainStats.snapshot)."""
    publish(redis, process, snapshot, lifetime_seconds=WORKER_LIFETIME_SECONDS)


def publish_push(redis: Redis, process: str, counted: Mapping[str, int]) -> None:
    """Publishes the notifications that a worker process sent: "<provider>:<outcome>" -> count."""
    publish(redis, process, {"push": dict(counted)}, lifetime_seconds=WORKER_LIFETIME_SECONDS)


def publish_webhooks(redis: Redis, process: str, counted: Mapping[str, int]) -> None:
    """Publishes the deliveries to webhooks that a worker process attempted: outcome -> count."""
    publish(redis, process, {"webhooks": dict(counted)}, lifetime_seconds=WORKER_LIFETIME_SECONDS)


def publish_pending_webhooks(redis: Redis, pending: int, retrying: int, off: int) -> None:
    """Publishes how many deliveries to webhooks are pending in the deployment, how many lanes of them wait for a retry,
    and how many webhooks are switched off.
    """
    publish(redis, WEBHOOK_QUEUE, {"pending_webhooks": [pending, retrying, off]})


def publish_media(redis: Redis, process: str, snapshot: Snapshot) -> None:
    """Publishes the media that a worker process has processed since it started (MediaStats.snapshot)."""
    publish(redis, process, snapshot, lifetime_seconds=WORKER_LIFETIME_SECONDS)


def publish_pending_pushes(redis: Redis, count: int, age_seconds: float) -> None:
    """Publishes how many notifications are pending in the deployment, and the age of the oldest."""
    publish(redis, PUSH_QUEUE, {"pending_pushes": [count, age_seconds]})


def publish_pending_media(redis: Redis, count: int, age_seconds: float, staged_bytes: int) -> None:
    """Publishes how many media wait to be processed in the deployment, the age of the oldest, and their bytes."""
    publish(redis, MEDIA_QUEUE, {"pending_media": [count, age_seconds, staged_bytes]})


def publish_search(redis: Redis, messages: int, seconds: float, *, backfilling: bool) -> None:
    """Publishes how many messages the search index has yet to look at, and how long the first of them has waited."""
    publish(redis, SEARCH_INDEX, {"search_behind": [messages, seconds, int(backfilling)]})


def read_published(redis: Redis) -> dict[str, Snapshot]:
    """Returns each process with the snapshot that it published last."""
    names = [name.decode() for name in cast(list[bytes], redis.zrange(keys.PROCESSES, 0, -1))]
    if not names:
        return {}
    blobs = cast(list[bytes | None], redis.mget([keys.process_metrics(name) for name in names]))
    return {name: unpack(blob) for name, blob in zip(names, blobs, strict=True) if blob is not None}


def read_log(shards: Shards) -> LogState:
    """Returns how much of all logs Postgres does not have yet, and the age of the oldest entry."""
    found = [_read_log(shard) for shard in shards]
    return LogState(
        sum(one.records for one in found), sum(one.bytes for one in found), max(one.age_seconds for one in found)
    )


def _read_log(shard: Shard) -> LogState:
    with shard.redis.pipeline(transaction=False) as pipe:
        pipe.hmget(shard.keys.log_state, "records", "bytes")
        pipe.xrange(shard.keys.log, count=1)
        pipe.time()
        (records, size), head, (seconds, microseconds) = pipe.execute()
    age = 0.0
    if head:
        began_ms = int(head[0][0].split(b"-")[0])
        age = max(0.0, seconds + microseconds / 1e6 - began_ms / 1000)
    return LogState(int(records or 0), int(size or 0), age)
