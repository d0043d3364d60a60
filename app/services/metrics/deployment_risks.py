"""Finds risks for data and for sign-ins: settings of the deployment and of its Redis, and a wrong clock. They become
warnings at start and in ``/readyz?verbose``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import ParleyError
from app.message_log.shards import Shards, shard_names
from app.store.connections import missing_settings
from app.store.engine import reading
from app.store.postgres_time import read_time
from app.store.replica import StoreReads

log = logging.getLogger("parley.risks")

CLOCK_SECONDS = 5.0  # a smaller difference harms nothing


def find_risks(shards: Shards, engine: Engine, store_reads: StoreReads, *, settings: Settings) -> list[str]:
    """Returns one sentence per risk. A store that does not answer is not a risk but a failed check of /readyz."""
    risks = [*_risks_of_servers(shards), *_clock_risks(engine), *_pooler_risks(engine, settings)]
    risks += _replica_risks(store_reads)
    if settings.production and not settings.metrics_token:
        risks.append("METRICS_TOKEN is not set: everybody who can reach the server can read /metrics.")
    return risks


def log_risks(shards: Shards, engine: Engine, store_reads: StoreReads, *, settings: Settings) -> None:
    for risk in find_risks(shards, engine, store_reads, settings=settings):
        log.warning("%s", risk)


def _risks_of_servers(shards: Shards) -> Iterator[str]:
    """Yields each risk of a Redis once, with the shards that it concerns if it is not all."""
    concerned: dict[str, list[int]] = {}
    for client, numbers in shards.by_client().items():
        for risk in _redis_risks(_info(client)):
            concerned.setdefault(risk, []).extend(numbers)
    for risk, numbers in concerned.items():
        yield risk if len(numbers) == len(shards) else f"{risk} This is the Redis of {shard_names(sorted(numbers))}."


def _info(redis: Redis) -> dict[str, Any]:
    try:
        return {**redis.info("persistence"), **redis.info("memory")}
    except RedisError:
        return {}


def _redis_risks(info: dict[str, Any]) -> Iterator[str]:
    if info.get("aof_enabled") == 0:
        yield (
            "Redis has appendonly off: if it restarts, messages that members have seen and Postgres has not are lost,"
            " and every client loads its conversations again. Set appendonly yes."
        )
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"Redis has maxmemory-policy {policy}: when its memory is full, it may drop messages that Postgres has not"
            " stored yet. Set noeviction."
        )


def _clock_risks(engine: Engine) -> Iterator[str]:
    ahead = _seconds_ahead(engine)
    if abs(ahead) > CLOCK_SECONDS:
        yield (
            f"The clock of this process is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of Postgres:"
            " tokens and limits in time end too early or too late. Set both by NTP."
        )


def _pooler_risks(engine: Engine, settings: Settings) -> Iterator[str]:
    try:
        with reading(engine) as conn:
            missing = missing_settings(conn, settings.db_timeout_seconds, settings.db_plan_cache_mode)
    except ParleyError:
        return
    if missing:
        yield (
            f"Sessions of Postgres lack {', '.join(missing)}: a pooler does not pass them on. Run `flask --app wsgi"
            " pooler-settings`, and have the pooler open new server connections."
        )


def _replica_risks(store_reads: StoreReads) -> Iterator[str]:
    try:
        problem = store_reads.problem()
    except ParleyError:
        return
    if problem is not None:
        yield problem


def _seconds_ahead(engine: Engine) -> float:
    """Returns by how much this process's clock is ahead of Postgres'. The time that the answer took does not count."""
    try:
        with reading(engine) as conn:
            before = time.time()
            there = read_time(conn)
            after = time.time()
    except ParleyError:
        return 0.0
    return max(0.0, before - there) + min(0.0, after - there)
