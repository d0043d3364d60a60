"""Connections to Redis: pooled ones that many greenlets share, and single ones for loops that call often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.config import Settings

REDIS_TIMEOUT_SECONDS = 5


def connect_redis(
    settings: Settings, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS, protocol: int = 3
) -> redis.Redis:
    """Returns a client that never sends a command twice. redis-py's own retries stored one XADD twice when a reply was
    lost.

    The pool opens at most ``redis_pool_size`` connections. If all of them are busy, callers wait up to the timeout;
    redis-py's default pool would fail the 101st greenlet at once when a storm of clients returns.
    """
    # A Unix socket has no TLS, and its peer cannot disappear silently.
    options: dict[str, object] = {} if settings.redis_url.startswith("unix:") else {"socket_keepalive": True}
    if settings.redis_url.startswith("rediss://") and not settings.redis_tls_verify:
        options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    pool = redis.BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=settings.redis_pool_size,
        timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        health_check_interval=15,
        decode_responses=False,
        protocol=protocol,
        **options,
    )
    return redis.Redis.from_pool(pool)


class OneConnection(redis.Redis):
    """A client on one connection, for one loop that calls Redis often.

    A pool polls the socket (a system call) before it lends a connection, and redis-py wraps each command in support
    for retries, locks and telemetry. Together they cost a tenth of a gateway's work per message. Do not share this
    client between threads or greenlets.
    """

    connected: Callable[[OneConnection], object] | None = None

    def call_on_connect(self, act: Callable[[OneConnection], object]) -> None:
        """Calls ``act`` now and after every new connect, before anything else is sent. If it raises, the connection is
        closed, and so is not used.
        """
        self.connected = act
        connection = self.connection
        if connection is None:
            raise redis.ConnectionError("closed")
        connection.register_connect_callback(self._on_connect)  # type: ignore[no-untyped-call]
        if connection.is_connected:
            self._on_connect(connection)

    def _on_connect(self, connection: Any) -> None:
        try:
            if self.connected is not None:
                self.connected(self)
        except BaseException:
            connection.disconnect()
            raise

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raises RedisError if Redis is unreachable; the next call connects again."""
        connection = self.connection
        if connection is None:
            raise redis.ConnectionError("closed")
        connection.send_command(*args)  # type: ignore[no-untyped-call]
        return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]


def one_connection(settings: Settings, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS) -> OneConnection:
    """Connects immediately. Raises RedisError if Redis is unreachable."""
    pooled = connect_redis(settings, timeout_seconds=timeout_seconds)
    return OneConnection(connection_pool=pooled.connection_pool, single_connection_client=True)
