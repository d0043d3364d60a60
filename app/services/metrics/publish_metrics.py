"""Figures of every process, published to Redis, so that any web process can answer ``/metrics`` for all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple, cast

from redis import Redis

from app.core.records import pack, unpack
from app.message_log import keys
from app.services.drain.store_log import DrainStats
from app.services.media.media_stats import MediaStats
from app.services.metrics.metrics_snapshot import Figures, drain_figures
from app.store.media_sweep import PendingMedia

EVERY_SECONDS = 3.0
LIVES_SECONDS = 30
# A drain's figures are counters alone, true for as long as anybody likes to read them; between two drains nobody
# publishes them again.
DRAIN_LIVES_SECONDS = 600
# Not processes: the queues of all of them.
PUSH_QUEUE = "push-queue"
MEDIA_QUEUE = "media-queue"


class LogFigures(NamedTuple):
    """``age_seconds`` is that of the oldest entry that is not stored; 0 where all is."""

    records: int
    bytes: int
    age_seconds: float


def publish(redis: Redis, process: str, figures: Figures, *, lives_seconds: int = LIVES_SECONDS) -> None:
    """Raise RedisError."""
    now = time.time()
    with redis.pipeline(transaction=False) as pipe:
        pipe.set(keys.process_metrics(process), pack(figures), ex=lives_seconds)
        pipe.zadd(keys.PROCESSES, {process: now + lives_seconds})
        pipe.zremrangebyscore(keys.PROCESSES, "-inf", now - 1)
        pipe.execute()


def publish_drain(redis: Redis, process: str, stats: DrainStats) -> None:
    """What the drains of a worker process did since it began."""
    publish(redis, process, drain_figures(stats), lives_seconds=DRAIN_LIVES_SECONDS)


def publish_push(redis: Redis, process: str, counted: Mapping[str, int]) -> None:
    """What the runners of push notifications of a worker process did: "<provider>:<outcome>" -> how many."""
    publish(redis, process, {"push": dict(counted)}, lives_seconds=DRAIN_LIVES_SECONDS)


def publish_owed(redis: Redis, owed: int, age_seconds: float) -> None:
    """How many notifications are owed in the deployment, and the age of the oldest."""
    publish(redis, PUSH_QUEUE, {"push_owed": [owed, age_seconds]})


def publish_media(redis: Redis, process: str, stats: MediaStats) -> None:
    """What became of the media that a worker process looked at."""
    publish(redis, process, stats.figures(), lives_seconds=DRAIN_LIVES_SECONDS)


def publish_waiting_media(redis: Redis, waiting: PendingMedia) -> None:
    """What of media waits in the deployment."""
    publish(redis, MEDIA_QUEUE, {"media_waiting": list(waiting)})


def read_published(redis: Redis) -> dict[str, Figures]:
    """Process -> its figures, as last published. Raise RedisError."""
    names = [name.decode() for name in cast(list[bytes], redis.zrange(keys.PROCESSES, 0, -1))]
    if not names:
        return {}
    blobs = cast(list[bytes | None], redis.mget([keys.process_metrics(name) for name in names]))
    return {name: unpack(blob) for name, blob in zip(names, blobs, strict=True) if blob is not None}


def read_log(redis: Redis) -> LogFigures:
    """How much waits for Postgres, and since when. Raise RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        pipe.hmget(keys.LOG_STATE, "records", "bytes")
        pipe.xrange(keys.LOG, count=1)
        pipe.time()
        (records, size), head, (seconds, microseconds) = pipe.execute()
    age = 0.0
    if head:
        began_ms = int(head[0][0].split(b"-")[0])
        age = max(0.0, seconds + microseconds / 1e6 - began_ms / 1000)
    return LogFigures(int(records or 0), int(size or 0), age)
