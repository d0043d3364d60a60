"""The container: everything that one process shares, with its type. ``app/bootstrap`` builds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import redis
from sqlalchemy import Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.fanout.revocation import RevokedSessions
from app.message_log.shards import Shards
from app.push.registry import PushRegistry
from app.services.accounts.delete_account import AccountDeletion
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.authenticate import Authenticator
from app.services.auth.challenges import Challenges
from app.services.auth.code_guard import CodeGuard
from app.services.auth.known_devices import KnownDevices
from app.services.auth.one_time_codes import OneTimeCodes
from app.services.auth.password_guard import PasswordGuard
from app.services.auth.passwords import Passwords
from app.services.auth.rate_limit import RateLimits
from app.services.auth.read_rate import ReadRate
from app.services.auth.server_keys import ServerKeys
from app.services.media.media_storages import MediaStorages
from app.services.metrics.readiness import Readiness
from app.services.moderation.ask_policy import PolicyChecks
from app.services.moderation.suspend_user import Suspensions
from app.services.reading.directory import Directory
from app.store.replica import StoreReads

if TYPE_CHECKING:
    from app.gateway.gateway import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """``gateway`` is None in processes that serve no sessions: workers and the command line."""

    settings: Settings
    engine: Engine
    store_reads: StoreReads
    redis: redis.Redis
    shards: Shards
    revoked: RevokedSessions
    directory: Directory
    policy: PolicyChecks
    suspensions: Suspensions
    limits: RateLimits
    reads: ReadRate
    passwords: Passwords
    password_guard: PasswordGuard
    challenges: Challenges
    one_time_codes: OneTimeCodes
    code_guard: CodeGuard
    known_devices: KnownDevices
    authenticator: Authenticator
    server_keys: ServerKeys
    auth_sessions: AuthSessions
    account_deletion: AccountDeletion
    media: MediaStorages
    push: PushRegistry
    readiness: Readiness
    gateway: Gateway | None = None

    def close(self) -> None:
        """Closes the pooled connections. The container stays usable: its parts connect again on their next use."""
        self.readiness.close()
        self.engine.dispose()
        self.store_reads.close()
        self.shards.close()
        self.media.close()


def current_container() -> Container:
    """Returns the container of the Flask application that serves the current request."""
    # Imported here because worker processes have a container, but no Flask.
    from flask import current_app  # noqa: PLC0415

    return cast(Container, current_app.extensions["parley"])


def current_gateway() -> Gateway:
    """Returns the gateway of this process and starts it on first use. Raises Overloaded if the process serves no
    sessions.
    """
    gateway = current_container().gateway
    if gateway is None:
        raise Overloaded("This process serves no sessions.")
    gateway.start()
    return gateway
