"""Connections to Redis: pooled ones that many greenlets share, and single ones for loops that call often."""

from __future__ import annotations

import contextlib
import time
from queue import Empty
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings
from app.message_log.shard_keys import ShardKeys
from app.redis_addresses import is_cluster, is_sentinel, parse_cluster, parse_sentinel, tls_options
from app.redis_cluster import ClusterConnection, ClusterTlsConnection, slot_primary
from app.redis_one_connection import OneConnection
from app.redis_sentinel import SentinelConnection, SentinelPrimary, SentinelTlsConnection

REDIS_TIMEOUT_SECONDS = 5
# With these limits, a request is answered within 5 s, including the wait for a free connection, however often it calls
# Redis.
POOLED_TIMEOUT_SECONDS = 3.0
POOL_WAIT_SECONDS = 1.5
RETRY_SECONDS = 1.0  # after a call timed out
IDLE_SECONDS = 20.0


class FailFastPool(redis.BlockingConnectionPool):
    """After a call has timed out, calls fail at once for a moment. Then one caller tries, and the others go on failing
    until it succeeds. So a request waits for one timeout, even if it calls Redis several times.

    Connections that were idle for IDLE_SECONDS are given back to Redis, whose plan may count them.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self._patience = float(options["socket_timeout"])
        self._down_until = 0.0
        self._lent: dict[int, float] = {}
        self._returned: dict[int, float] = {}
        self._looked_at = 0.0

    def get_connection(self, *_args: Any, **_options: Any) -> Any:
        now = time.monotonic()
        if now < self._down_until:
            raise redis.ConnectionError("Redis did not answer a moment ago.")
        if self._down_until:
            self._down_until = now + self._patience + RETRY_SECONDS
        try:
            connection = super().get_connection()  # type: ignore[no-untyped-call]
        except redis.TimeoutError:
            self._note_down()
            raise
        except redis.RedisError:
            self._down_until = 0.0  # it refuses, so failing costs no time
            raise
        self._lent[id(connection)] = time.monotonic()
        return connection

    def release(self, connection: Any) -> None:
        since = self._lent.pop(id(connection), None)
        if connection.is_connected:
            self._down_until = 0.0
        elif since is not None and time.monotonic() - since >= 0.9 * self._patience:
            self._note_down()
        self._returned[id(connection)] = time.monotonic()
        super().release(connection)  # type: ignore[no-untyped-call]
        self._close_idle()

    def _close_idle(self) -> None:
        """Called after each command, and looks every few seconds. The pool is a stack, so a busy pool goes on using the
        same few connections. A closed connection stays in the pool and connects again when it is lent.
        """
        now = time.monotonic()
        if now - self._looked_at < IDLE_SECONDS / 4:
            return
        self._looked_at = now
        free: list[Any] = []  # taken out of the pool, so that nobody else gets them
        with contextlib.suppress(Empty):
            while True:
                free.append(self.pool.get_nowait())
        for connection in reversed(free):
            if connection is not None and now - self._returned.get(id(connection), now) > IDLE_SECONDS:
                connection.disconnect()
            self.pool.put_nowait(connection)

    def _note_down(self) -> None:
        self._down_until = time.monotonic() + RETRY_SECONDS


def connect_redis(settings: Settings, shard: int = 0, **options: Any) -> redis.Redis:
    """Returns a client for the Redis of a shard. ``options`` are those of ``connect_address``."""
    return connect_address(settings.redis_url_of(shard), settings, shard, **options)


def connect_shards(settings: Settings) -> list[redis.Redis]:
    """Returns a client for each shard. Shards on the same address share a client and its pool; in a cluster, each has
    its own, because their slots move independently.
    """
    clients: dict[tuple[str, int], redis.Redis] = {}
    found = []
    for shard in range(settings.shards):
        url = settings.redis_url_of(shard)
        place = url, shard if is_cluster(url) else 0
        if place not in clients:
            clients[place] = connect_address(url, settings, shard)
        found.append(clients[place])
    return found


def connect_address(
    url: str,
    settings: Settings,
    shard: int = 0,
    *,
    timeout_seconds: float = POOLED_TIMEOUT_SECONDS,
    protocol: int = 3,
    fail_fast: bool = True,
) -> redis.Redis:
    """Returns a client that never sends a command twice. redis-py's own retries stored one XADD twice when a reply was
    lost.

    The pool opens at most ``redis_pool_size`` connections. If all of them are busy, callers wait for a moment;
    redis-py's default pool would fail the 101st greenlet at once when a storm of clients returns. ``fail_fast`` is for
    short calls; a connection that is held for long, such as a subscription, would look like a call that timed out.
    In a cluster, the client is connected to the node of the shard's slot, wherever that moves.
    """
    kind: Any = FailFastPool if fail_fast else redis.BlockingConnectionPool
    options: dict[str, Any] = {
        "max_connections": settings.redis_pool_size,
        "timeout": min(timeout_seconds, POOL_WAIT_SECONDS),
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "health_check_interval": 15,
        "decode_responses": False,
        "protocol": protocol,
    }
    verify = settings.redis_tls_verify
    if is_sentinel(url):
        return redis.Redis.from_pool(kind(**options, **_sentinel_options(url, verify)))
    if is_cluster(url):
        return redis.Redis.from_pool(kind(**options, **_cluster_options(url, verify, shard)))
    return redis.Redis.from_pool(kind.from_url(url, **options, **_direct_options(url, verify)))


def _direct_options(url: str, verify: bool) -> dict[str, Any]:
    # A Unix socket has no TLS, and its peer cannot disappear silently.
    options: dict[str, Any] = {} if url.startswith("unix:") else {"socket_keepalive": True}
    return options | (tls_options(verify=verify) if url.startswith("rediss://") else {})


def _sentinel_options(url: str, verify: bool) -> dict[str, Any]:
    address = parse_sentinel(url)
    options = {
        "connection_class": SentinelTlsConnection if address.ssl else SentinelConnection,
        "primary": SentinelPrimary(address, verify=verify),
        "socket_keepalive": True,
        "username": address.username,
        "password": address.password,
        "db": address.db,
    }
    return options | (address.tls_options(verify=verify) if address.ssl else {})


def _cluster_options(url: str, verify: bool, shard: int) -> dict[str, Any]:
    address = parse_cluster(url)
    options = {
        "connection_class": ClusterTlsConnection if address.ssl else ClusterConnection,
        "primary": slot_primary(address, ShardKeys(shard).epoch, verify=verify),
        "socket_keepalive": True,
    }
    return options | address.options(verify=verify)


def one_connection(
    settings: Settings, shard: int = 0, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS
) -> OneConnection:
    """Connects to the Redis of a shard immediately. Raises RedisError if it is unreachable."""
    pooled = connect_redis(settings, shard, timeout_seconds=timeout_seconds, fail_fast=False)
    return OneConnection(connection_pool=pooled.connection_pool, single_connection_client=True)
