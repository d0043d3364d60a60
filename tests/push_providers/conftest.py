"""The stand-ins, and builders of outgoing notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from app.core.push_notice import Clear, Notice
from app.push.endpoint import EndpointRules
from app.push.provider import Address, Outgoing
from app.push.vapid import Signer, make_private_key, public_key_of
from app.push.webpush import WebPush
from tests.support.fcm_server import FcmServer, fcm_server
from tests.support.web_push_service import Browser, WebPushService, web_push_service
from tests.twins.provider_contract import NOTICE

KEY = make_private_key()
LOOPBACK = EndpointRules((), loopback=True)


@pytest.fixture
def service() -> Iterator[WebPushService]:
    with web_push_service(public_key_of(KEY)) as running:
        yield running


@pytest.fixture
def fcm() -> Iterator[FcmServer]:
    with fcm_server() as running:
        yield running


@pytest.fixture
def signer() -> Signer:
    return Signer(KEY, "mailto:push@parley.example")


@pytest.fixture
def webpush(signer: Signer) -> Iterator[WebPush]:
    made = WebPush(signer, LOOPBACK, connections=8)
    yield made
    made.close()


@pytest.fixture
def to_browser() -> Callable[..., Outgoing]:
    def make(browser: Browser, payload: Notice | Clear = NOTICE, ttl_seconds: int = 3600) -> Outgoing:
        keys = browser.subscription()["keys"]
        to = Address(1, 1, "browser", "127.0.0.1", browser.endpoint, keys["p256dh"], keys["auth"])
        return Outgoing(to, payload, ttl_seconds)

    return make


def to_device(platform: str, token: str = "token-1", payload: Notice | Clear = NOTICE) -> Outgoing:
    return Outgoing(Address(1, 2, platform, "fcm", token), payload, 3600)
