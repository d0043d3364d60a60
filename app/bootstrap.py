"""Composition: the one place where the parts of a process are built and wired. Only entry points import it."""

from __future__ import annotations

import os

from sqlalchemy import Engine

from app.config import Settings
from app.container import Container
from app.fanout.revocation import RevokedSessions
from app.message_log import keys
from app.push.registry import ProviderContext, PushRegistry
from app.redis_connections import connect_redis
from app.services.auth.external_issuer import ExternalIssuer
from app.services.auth.passwords import Passwords
from app.services.auth.rate_limit import RateLimits
from app.services.auth.token_cache import TokenCache
from app.services.media.media_storages import MediaStorages
from app.services.push.vapid_key import private_key
from app.store import auth_sessions
from app.store.engine import create_engine, reading


def build_container(settings: Settings) -> Container:
    """Builds the container of a web, worker or command-line process. Opens no connection yet."""
    engine = create_engine(settings)
    client = connect_redis(settings)
    return Container(
        settings=settings,
        engine=engine,
        redis=client,
        revoked=RevokedSessions(client, keys.REVOKED, lambda: _revoked_in_store(engine)),
        limits=RateLimits(client),
        passwords=Passwords(),
        verified=TokenCache(),
        media=MediaStorages(settings),
        push=PushRegistry(ProviderContext(settings, os.environ, lambda: private_key(settings, engine))),
        issuer=ExternalIssuer.from_settings(settings),
    )


def _revoked_in_store(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return auth_sessions.revoked_sessions(conn)
