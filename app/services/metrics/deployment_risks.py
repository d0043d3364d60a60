"""Finds settings of the deployment and of its Redis that risk data: warnings at start and in ``/readyz?verbose``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger("parley.risks")


def find_risks(redis: Redis, *, production: bool, metrics_token: str) -> list[str]:
    """Returns one sentence per risk. A Redis that does not answer is not a risk but a failed check of /readyz."""
    risks = list(_redis_risks(_info(redis)))
    if production and not metrics_token:
        risks.append("METRICS_TOKEN is not set: everybody who reaches the server can read /metrics.")
    return risks


def log_risks(redis: Redis, *, production: bool, metrics_token: str) -> None:
    for risk in find_risks(redis, production=production, metrics_token=metrics_token):
        log.warning("%s", risk)


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
