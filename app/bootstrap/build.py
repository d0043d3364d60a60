"""Builds the container of a web process and of the command line."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from app.bootstrap.worker import build_worker_container
from app.config import Settings
from app.container import Container
from app.fanout.revocation import RevokedSessions
from app.fanout.suspension import NO_END, ShadowedUsers, SuspendedUsers
from app.message_log import keys
from app.policy import load_policy
from app.services.accounts.delete_account import AccountDeletion
from app.services.accounts.follow_claims import ClaimsFollower
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.authenticate import Authenticator
from app.services.auth.challenges import Challenges
from app.services.auth.code_guard import CodeGuard
from app.services.auth.external_issuer import ExternalIssuer
from app.services.auth.failure_counter import FailureCounter
from app.services.auth.known_devices import KnownDevices
from app.services.auth.one_time_codes import OneTimeCodes
from app.services.auth.password_guard import PasswordGuard
from app.services.auth.passwords import AT_ONCE, Passwords
from app.services.auth.rate_limit import RateLimits
from app.services.auth.read_rate import ReadRate
from app.services.auth.server_keys import ServerKeys
from app.services.metrics.readiness import Readiness
from app.services.moderation.ask_policy import PolicyChecks
from app.services.moderation.suspend_user import Suspensions
from app.services.reading.directory import Directory
from app.store import auth_sessions, suspensions
from app.store.engine import reading
from app.work_threads import WorkThreads


def build_container(settings: Settings) -> Container:
    """Builds what every process needs. Opens no connection yet."""
    parts = build_worker_container(settings)
    engine, shards = parts.engine, parts.shards
    client = shards[0].redis  # this shard also has everything that exists once
    revoked = RevokedSessions(client, keys.REVOKED, lambda: _revoked_in_store(engine))
    suspended = SuspendedUsers(client, keys.SUSPENDED, lambda: _suspended_in_store(engine))
    shadowed = ShadowedUsers(client, keys.SHADOWED, lambda: _suspended_in_store(engine, shadow=True))
    passwords = Passwords(
        run=WorkThreads(AT_ONCE).run, memory_kib=settings.password_memory_kib, passes=settings.password_passes
    )
    limits = RateLimits(redis=client, settings=settings)
    devices = KnownDevices(settings.keys)
    failures = FailureCounter(redis=client, attempts_per_minute=settings.auth_attempts_per_minute)
    return Container(
        settings=settings,
        engine=engine,
        store_reads=parts.store_reads,
        redis=client,
        shards=shards,
        revoked=revoked,
        directory=Directory(engine=engine, redis=client, mode=settings.directory),
        policy=PolicyChecks(load_policy(), engine),
        suspensions=Suspensions(engine=engine, redis=client, suspended=suspended, shadowed=shadowed),
        limits=limits,
        reads=ReadRate(settings.read_rate, settings.read_burst),
        passwords=passwords,
        password_guard=PasswordGuard(engine=engine, failures=failures, limits=limits, devices=devices),
        challenges=Challenges(settings.keys),
        one_time_codes=OneTimeCodes(settings.keys),
        code_guard=CodeGuard(failures),
        known_devices=devices,
        authenticator=Authenticator(
            settings=settings,
            redis=client,
            revoked=revoked,
            suspended=suspended,
            issuer=ExternalIssuer.from_settings(settings),
            follow_claims=ClaimsFollower(
                engine=engine, redis=client, presence_visible=settings.presence_visible
            ).user_of,
        ),
        server_keys=ServerKeys(engine=engine, environment_key=settings.server_api_key),
        auth_sessions=AuthSessions(
            engine=engine,
            redis=client,
            revoked=revoked,
            access_token_seconds=settings.access_token_seconds,
            refresh_token_seconds=settings.refresh_token_seconds,
            sign_in_seconds=settings.sign_in_seconds,
        ),
        account_deletion=AccountDeletion(engine=engine, redis=client, revoked=revoked, settings=settings),
        media=parts.media,
        push=parts.push,
        readiness=Readiness(engine=engine, redis=client, shards=shards),
    )


def build_web_container(settings: Settings) -> Container:
    """Builds the container of a web process, with its gateway."""
    # Imported here because it imports gevent, which worker processes do not need.
    from app.bootstrap.gateway import GatewayBuilder  # noqa: PLC0415

    container = build_container(settings)
    builder = GatewayBuilder(
        settings=settings,
        engine=container.engine,
        store_reads=container.store_reads,
        redis=container.redis,
        shards=container.shards,
        revoked=container.revoked,
        suspended=container.suspensions.suspended,
        shadowed=container.suspensions.shadowed,
        limit_openings=container.limits.openings,
        directory=container.directory,
        policy=container.policy,
        media_on=container.media.is_on,
    )
    gateway = builder.build()
    container.readiness.include_log(gateway.check_log)
    return replace(container, gateway=gateway)


def _revoked_in_store(engine: Engine) -> dict[str, int]:
    with reading(engine) as conn:
        return auth_sessions.revoked_sessions(conn)


def _suspended_in_store(engine: Engine, *, shadow: bool = False) -> dict[str, int]:
    with reading(engine) as conn:
        return {str(user_id): end or NO_END for user_id, end in suspensions.all_suspended(conn, shadow=shadow)}
