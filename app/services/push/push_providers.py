"""Which push services this deployment uses: those it has keys for, and the local twin for the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from redis import Redis
from sqlalchemy import Engine

from app.config import ConfigError, Settings
from app.push.endpoint import EndpointRules
from app.push.fcm import Fcm
from app.push.local_twin import LocalTwin
from app.push.provider import Provider
from app.push.vapid import Signer
from app.push.webpush import WebPush
from app.services.push.push_outbox import note
from app.services.push.vapid_key import private_key


@dataclass(slots=True)
class Providers:
    """``web`` is Web Push itself where it is used, for its deadlines."""

    fcm: Provider
    webpush: Provider
    web: WebPush | None

    def close(self) -> None:
        self.fcm.close()
        self.webpush.close()


def make_providers(settings: Settings, engine: Engine, redis: Redis) -> Providers:
    """Raise ConfigError where keys are given that are none, Overloaded where Postgres does not answer."""
    twin = LocalTwin(partial(note, redis) if not settings.production else _forget)
    try:
        web = _web(settings, engine) if uses_webpush(settings) else None
        fcm = Fcm(settings.fcm_credentials, base_url=settings.fcm_base_url) if settings.fcm_credentials else twin
    except (ValueError, OSError) as error:
        raise ConfigError(f"VAPID_PRIVATE_KEY or FCM_CREDENTIALS cannot be used: {type(error).__name__}.") from error
    return Providers(fcm=fcm, webpush=web or twin, web=web)


def uses_webpush(settings: Settings) -> bool:
    """Production always does; elsewhere nothing leaves the machine unless a key is set."""
    return settings.production or bool(settings.vapid_private_key)


def _web(settings: Settings, engine: Engine) -> WebPush:
    signer = Signer(private_key(settings, engine), settings.vapid_subject)
    return WebPush(signer, endpoint_rules(settings), connections=settings.push_threads)


def endpoint_rules(settings: Settings) -> EndpointRules:
    return EndpointRules(settings.push_hosts, settings.push_loopback)


def _forget(user_id: int, target_id: int, platform: str, payload: dict[str, Any]) -> None:
    """In production nothing is kept of what could not be sent."""
