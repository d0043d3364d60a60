"""Parley: what one process shares. Built once by ``build_parley``, reached in a request by
``current_parley()``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import redis
from flask import current_app
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.fanout.revocation import RevokedSessions
from app.message_log import keys
from app.services.auth.external_issuer import ExternalIssuer
from app.services.auth.passwords import Passwords
from app.services.auth.rate_limit import RateLimits
from app.services.auth.token_cache import TokenCache
from app.services.media.media_storages import MediaStorages
from app.services.metrics.readiness import Readiness
from app.store import auth_sessions
from app.store.engine import create_engine, reading

if TYPE_CHECKING:
    from app.transports.gateway import Gateway

REDIS_TIMEOUT_SECONDS = 5


@dataclass(slots=True)
class Parley:
    """``gateway`` is None in processes that serve no sessions, and before app/transports has installed it."""

    settings: Settings
    engine: Engine
    redis: redis.Redis
    revoked: RevokedSessions
    limits: RateLimits
    passwords: Passwords
    verified: TokenCache
    media: MediaStorages
    issuer: ExternalIssuer | None
    readiness: Readiness = field(default_factory=Readiness)
    gateway: Gateway | None = None

    def close(self) -> None:
        """Give back the pooled connections. The object can still be used; it connects anew."""
        self.readiness.close()
        self.engine.dispose()
        self.redis.close()
        self.media.close()


def build_parley(settings: Settings) -> Parley:
    """Connects to nothing yet. Also what a worker process builds, which has no Flask application."""
    engine = create_engine(settings)
    client = connect_redis(settings)
    return Parley(
        settings=settings,
        engine=engine,
        redis=client,
        revoked=RevokedSessions(client, keys.REVOKED, lambda: _revoked_in_store(engine)),
        limits=RateLimits(client),
        passwords=Passwords(),
        verified=TokenCache(),
        media=MediaStorages(settings),
        issuer=ExternalIssuer.from_settings(settings),
    )


def _revoked_in_store(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return auth_sessions.revoked_sessions(conn)


def connect_redis(
    settings: Settings, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS, protocol: int = 3
) -> redis.Redis:
    """A client that never sends a command twice: redis-py's own retries stored one XADD twice where a reply was lost.

    It opens at most ``redis_pool_size`` connections; who finds all in use waits, no longer than the timeout. redis-py's
    own pool fails the 101st greenlet at once, which a storm of returning clients is.
    """
    # A unix socket has neither TLS nor a peer that could silently be gone.
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
    """For whoever alone asks often. A pool looks at the socket (a system call) before it lends a connection out, and
    redis-py wraps each command into what serves retries, locks and telemetry: a tenth of what a gateway does for a
    message. Not for several threads or greenlets.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raise RedisError where Redis is away; the next call connects anew."""
        connection = self.connection
        if connection is None:
            raise redis.ConnectionError("closed")
        connection.send_command(*args)  # type: ignore[no-untyped-call]
        return self.parse_response(connection, args[0], **options)  # type: ignore[no-untyped-call]


def one_connection(settings: Settings, *, timeout_seconds: float = REDIS_TIMEOUT_SECONDS) -> redis.Redis:
    """Connects at once: raises RedisError where Redis is away."""
    pooled = connect_redis(settings, timeout_seconds=timeout_seconds)
    return OneConnection(connection_pool=pooled.connection_pool, single_connection_client=True)


def current_parley() -> Parley:
    return cast(Parley, current_app.extensions["parley"])


def current_gateway() -> Gateway:
    return gateway_of(current_parley())


def gateway_of(parley: Parley) -> Gateway:
    """The gateway of this process, started. Raise Overloaded where the process serves no sessions."""
    gateway = parley.gateway
    if gateway is None:
        raise Overloaded("This process serves no sessions.")
    gateway.start()
    return gateway
