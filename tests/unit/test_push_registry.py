"""The push registry assigns each platform to one provider."""

from __future__ import annotations

import pytest

from app.config import ConfigError, Settings
from app.push.lanes import FCM_LANE
from app.push.local_twin import LocalTwin
from app.push.registry import BUILT_IN, ProviderContext, ProviderKind, PushRegistry
from tests.support.processes import SECRET_KEY

NEEDED = {"DATABASE_URL": "postgres://h/d", "REDIS_URL": "redis://h", "SECRET_KEY": SECRET_KEY}


def apns(*, configured: bool) -> ProviderKind:
    return ProviderKind(
        name="apns",
        platforms=("ios", "watch"),
        is_configured=lambda _: configured,
        make=lambda _: LocalTwin(lambda *_: None),
        lane=lambda _: FCM_LANE,
    )


def registry(*, configured: bool = True, **env: str) -> PushRegistry:
    settings = Settings.from_env({**NEEDED, **env})
    context = ProviderContext(settings, env, vapid_private_key=lambda: "")
    return PushRegistry(context, [*BUILT_IN, apns(configured=configured)])


def test_every_platform_has_a_provider_without_any_keys() -> None:
    platforms = registry(configured=False).platforms
    assert platforms == {"android": "fcm", "browser": "webpush", "ios": "fcm", "watch": "apns", "web": "fcm"}


def test_configured_provider_goes_before_one_without_keys() -> None:
    made = registry()
    assert (made.platforms["ios"], made.platforms["android"]) == ("apns", "fcm")
    assert made.is_configured("apns")
    assert not made.is_configured("fcm")


def test_two_configured_providers_need_an_order() -> None:
    with pytest.raises(ConfigError, match="fcm and apns both serve 'ios'"):
        registry(FCM_CREDENTIALS="{}")
    assert registry(FCM_CREDENTIALS="{}", PUSH_PROVIDERS="fcm,apns").platforms["ios"] == "fcm"
    assert registry(FCM_CREDENTIALS="{}", PUSH_PROVIDERS="apns").platforms["ios"] == "apns"
