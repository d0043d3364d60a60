"""Figures of every process, published to Redis, so that any web process can answer ``/metrics`` for all of them."""

from __future__ import annotations

from typing import Any

from redis import Redis

from app.core.records import pack
from app.message_log import keys
from app.services.store_log import DrainStats

LIVES_SECONDS = 30


def publish(redis: Redis, process: str, figures: dict[str, Any]) -> None:
    redis.set(keys.process_metrics(process), pack(figures), ex=LIVES_SECONDS)


def publish_drain(redis: Redis, worker: str, stats: DrainStats) -> None:
    """What a drain did since it began."""
    publish(
        redis,
        f"worker:{worker}",
        {
            "drain_batches": stats.batches,
            "drain_records": stats.records,
            "drain_set_aside": stats.set_aside,
            "drain_store_failures": stats.store_failures,
        },
    )
