"""Builds the push providers of this deployment: a provider for each that has keys, the local twin for the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from redis import Redis

from app.config import ConfigError
from app.push.lanes import LaneOptions
from app.push.local_twin import LocalTwin
from app.push.provider import Provider
from app.push.registry import PushRegistry
from app.services.push.push_outbox import record


class MadeProvider(NamedTuple):
    name: str
    provider: Provider
    lane: LaneOptions


class Providers:
    """``platforms`` maps each platform to the name of the provider that serves it."""

    def __init__(self, platforms: Mapping[str, str]) -> None:
        self.platforms = platforms
        self.made: list[MadeProvider] = []

    def cut_overdue(self) -> None:
        """Aborts requests that take too long. Call it about once a second."""
        for one in self.made:
            one.provider.cut_overdue()

    def close(self) -> None:
        for one in self.made:
            one.provider.close()


def make_providers(registry: PushRegistry, redis: Redis) -> Providers:
    """Builds every provider that serves a platform.

    Raises ConfigError if the keys of one cannot be used, Overloaded if Postgres does not answer.
    """
    settings = registry.context.settings
    twin = LocalTwin(_discard if settings.production else partial(record, redis))
    providers = Providers(registry.platforms)
    try:
        for name in sorted(set(registry.platforms.values())):
            provider = _make(registry, name) if registry.is_configured(name) else twin
            providers.made.append(MadeProvider(name, provider, registry.kinds[name].lane(settings)))
    except BaseException:
        providers.close()
        raise
    return providers


def _make(registry: PushRegistry, name: str) -> Provider:
    try:
        return registry.kinds[name].make(registry.context)
    except (ValueError, OSError) as error:
        raise ConfigError(f"The settings of push provider {name!r} cannot be used: {type(error).__name__}.") from error


def _discard(user_id: int, target_id: int, platform: str, payload: dict[str, Any]) -> None:
    """Production keeps no record of notifications that no service could send."""
