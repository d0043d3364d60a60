"""The table of push providers: which ones are installed, and which one serves each platform.

A package adds a provider by an entry point in the group ``parley.push_providers`` that names a ``ProviderKind``;
docs/how-to/add-a-push-provider.md describes the steps. Every process reads this table, so the clients of push services
are imported only when a provider is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from app.config import ConfigError, Settings
from app.core.push import BROWSER
from app.plugins import check_names, load_kinds
from app.push.endpoint import EndpointRules
from app.push.lanes import FCM_LANE, LaneOptions, webpush_lane
from app.push.provider import Provider

GROUP = "parley.push_providers"


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """The configuration that providers are made from.

    Built-in providers read ``settings``; others read their own variables from ``env``. ``vapid_private_key`` returns
    the deployment's key; it may block, and raises Overloaded if Postgres does not answer.
    """

    settings: Settings
    env: Mapping[str, str]
    vapid_private_key: Callable[[], str]


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """One row of the table.

    ``name`` is stored with each notification and labels the metrics. ``platforms`` are the kinds of push targets that
    the provider serves: ``browser`` is a Web Push subscription, every other name is one that clients register devices
    with. ``is_configured`` says whether the deployment has keys for it; without keys, the local twin takes its place.
    ``make`` builds the provider, in a worker. It raises ValueError or OSError if the configuration cannot be used.
    """

    name: str
    platforms: tuple[str, ...]
    is_configured: Callable[[ProviderContext], bool]
    make: Callable[[ProviderContext], Provider]
    lane: Callable[[Settings], LaneOptions]


def _make_fcm(context: ProviderContext) -> Provider:
    from app.push.fcm import Fcm  # noqa: PLC0415 - half a second

    return Fcm(context.settings.fcm_credentials, base_url=context.settings.fcm_base_url)


def _make_webpush(context: ProviderContext) -> Provider:
    from app.push.vapid import Signer  # noqa: PLC0415
    from app.push.webpush import WebPush  # noqa: PLC0415

    settings = context.settings
    signer = Signer(context.vapid_private_key(), settings.vapid_subject)
    return WebPush(signer, endpoint_rules(settings), connections=settings.push_threads)


def _uses_webpush(context: ProviderContext) -> bool:
    """Production always uses Web Push. Elsewhere nothing leaves the machine unless a key is set."""
    return context.settings.production or bool(context.settings.vapid_private_key)


def endpoint_rules(settings: Settings) -> EndpointRules:
    return EndpointRules(settings.push_hosts, settings.push_loopback)


BUILT_IN = (
    ProviderKind(
        name="webpush",
        platforms=(BROWSER,),
        is_configured=_uses_webpush,
        make=_make_webpush,
        lane=lambda settings: webpush_lane(settings.push_threads),
    ),
    ProviderKind(
        name="fcm",
        platforms=("android", "ios", "web"),
        is_configured=lambda context: bool(context.settings.fcm_credentials),
        make=_make_fcm,
        lane=lambda _: FCM_LANE,
    ),
)


class PushRegistry:
    """The installed providers. ``platforms`` maps each platform to the name of the provider that serves it.

    Raises ConfigError if PUSH_PROVIDERS names a provider that is not installed, or if several configured providers
    serve one platform and PUSH_PROVIDERS does not order them.
    """

    def __init__(self, context: ProviderContext, built_in: Iterable[ProviderKind] = BUILT_IN) -> None:
        self.context = context
        self.kinds = load_kinds(GROUP, ProviderKind, built_in)
        check_names("PUSH_PROVIDERS", context.settings.push_providers, self.kinds)
        served = {platform for kind in self.kinds.values() for platform in kind.platforms}
        self.platforms = {platform: self._provider_of(platform) for platform in sorted(served)}

    def is_configured(self, name: str) -> bool:
        return self.kinds[name].is_configured(self.context)

    def _provider_of(self, platform: str) -> str:
        able = [name for name, kind in self.kinds.items() if platform in kind.platforms]
        configured = [name for name in able if self.is_configured(name)]
        preferred = [name for name in self.context.settings.push_providers if name in configured]
        if preferred:
            return preferred[0]
        if len(configured) > 1:
            raise ConfigError(_ambiguous(platform, configured))
        return (configured or able)[0]


def _ambiguous(platform: str, names: Iterable[str]) -> str:
    return f"{' and '.join(names)} both serve {platform!r}: name the preferred one first in PUSH_PROVIDERS."
