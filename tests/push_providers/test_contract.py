"""The contract of every provider, the local twin too: one outcome per notification, in order, and no exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.push.fcm import Fcm
from app.push.local_twin import LocalTwin
from app.push.provider import Outgoing
from app.push.webpush import WebPush
from tests.push_providers.conftest import to_device
from tests.support.fcm_server import FcmServer
from tests.support.web_push_service import WebPushService
from tests.twins.provider_contract import Case, ProviderContract


@pytest.fixture(params=["webpush", "fcm", "twin"])
def case(
    request: pytest.FixtureRequest,
    service: WebPushService,
    fcm: FcmServer,
    webpush: WebPush,
    to_browser: Callable[..., Outgoing],
) -> Iterator[Case]:
    """The provider, a notification to send by it, and a function that returns the delivered ones."""
    if request.param == "webpush":
        browser = service.browser()
        yield webpush, to_browser(browser), lambda: browser.received
    elif request.param == "fcm":
        made = Fcm(fcm.service_account(), base_url=fcm.base_url)
        yield made, to_device("android"), lambda: [message["data"] for message in fcm.messages]
        made.close()
    else:
        noted: list[dict[str, Any]] = []
        twin = LocalTwin(lambda _user, _target, _platform, payload: noted.append(payload))
        yield twin, to_device("web"), lambda: noted


class TestProvider(ProviderContract):
    pass
