"""The Redis of each shard, for loops that need a connection of their own."""

from __future__ import annotations

from app.config import Settings
from app.redis_connections import OneConnection, one_connection


def count_shards(_settings: Settings) -> int:
    """Returns the number of the deployment's shards. There is no setting for it yet."""
    return 1


def connect_shard(settings: Settings, _number: int, *, timeout_seconds: float) -> OneConnection:
    """Connects immediately. Raises RedisError if Redis is unreachable. There is one address for all shards yet."""
    return one_connection(settings, timeout_seconds=timeout_seconds)
