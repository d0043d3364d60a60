"""The contract of every provider, the local twin too: one outcome per notification, in order, and no exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.push.fcm import Fcm
from app.push.local_twin import LocalTwin
from app.push.provider import Address, Outgoing, Provider
from app.push.webpush import WebPush
from tests.push_providers.conftest import CLEAR, NOTICE, to_device
from tests.support.fcm_server import FcmServer
from tests.support.web_push_service import WebPushService

Case = tuple[Provider, Outgoing, Callable[[], list[dict[str, Any]]]]


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


def test_sent_notification_arrives_unchanged(case: Case) -> None:
    provider, outgoing, arrived = case
    outcomes = provider.send([outgoing, outgoing._replace(payload=CLEAR)])
    assert [outcome.result for outcome in outcomes] == ["sent", "sent"]
    by_type = {payload["type"]: payload for payload in arrived()}
    assert set(by_type) == {"message", "clear"}
    for payload, sent in ((by_type["message"], NOTICE), (by_type["clear"], CLEAR)):
        assert payload["tag"] == sent.tag
        assert str(payload["badge"]) == str(sent.badge)


def test_empty_batch_does_nothing(case: Case) -> None:
    provider, _, arrived = case
    assert provider.send([]) == []
    assert arrived() == []


def test_failed_notification_does_not_affect_the_others(case: Case) -> None:
    provider, outgoing, arrived = case
    if isinstance(provider, LocalTwin):
        bad = outgoing
    else:
        bad = outgoing._replace(to=Address(1, 9, outgoing.to.platform, "x", "", "", ""))
    outcomes = provider.send([outgoing, bad, outgoing])
    assert len(outcomes) == 3
    assert outcomes[0].result == outcomes[2].result == "sent"
    assert len(arrived()) >= 2
