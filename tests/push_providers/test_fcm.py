"""Firebase Cloud Messaging: every error of HTTP v1, and each pitfall of the library."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.push.fcm import MAX_BATCH, Fcm
from tests.push_providers.conftest import to_device
from tests.support.fcm_server import FcmServer, error
from tests.twins.provider_contract import CLEAR


@pytest.fixture
def provider(fcm: FcmServer) -> Iterator[Fcm]:
    made = Fcm(fcm.service_account(), base_url=fcm.base_url)
    yield made
    made.close()


ERRORS: dict[str, tuple[Any, ...]] = {
    "UNREGISTERED": (error(404, "UNREGISTERED"), "gone", 0, False),
    "SENDER_ID_MISMATCH": (error(403, "SENDER_ID_MISMATCH"), "gone", 0, False),
    "INVALID_ARGUMENT": (error(400, "INVALID_ARGUMENT"), "refused", 0, False),
    "QUOTA_EXCEEDED": (error(429, "QUOTA_EXCEEDED", retry_after=33), "retry", 33, True),
    "QUOTA_EXCEEDED, not told how long": (error(429, "QUOTA_EXCEEDED"), "retry", 60, True),
    "UNAVAILABLE": (error(503, "UNAVAILABLE", retry_after=5), "retry", 5, True),
    "INTERNAL": (error(500, "INTERNAL"), "retry", 10, True),
    "THIRD_PARTY_AUTH_ERROR": (error(401, "THIRD_PARTY_AUTH_ERROR"), "retry", 60, True),
    "not ours": (error(403), "retry", 60, True),
}


@pytest.mark.parametrize("name", ERRORS)
def test_each_error_has_its_outcome(fcm: FcmServer, provider: Fcm, name: str) -> None:
    """There is no retry within the call, although the library would retry four times for 500 and 503."""
    answer, what, seconds, whole_host = ERRORS[name]
    fcm.answer = lambda _: answer
    (outcome,) = provider.send([to_device("android")])
    assert (outcome.result, outcome.seconds, outcome.whole_host) == (what, seconds, whole_host)
    assert outcome.reason
    assert len(fcm.messages) == (3 if answer[0] == 401 else 1)  # google-auth renews its token twice


def test_batches_have_at_most_fifty_messages(fcm: FcmServer, provider: Fcm) -> None:
    """The library refuses more than 500 and uses one thread per message."""
    fcm.delay = 0.05
    outcomes = provider.send([to_device("android", f"token-{n}") for n in range(520)])
    assert {outcome.result for outcome in outcomes} == {"sent"}
    assert sorted(message["token"] for message in fcm.messages) == sorted(f"token-{n}" for n in range(520))
    assert fcm.max_at_once <= MAX_BATCH == 50
    assert fcm.tokens_given < 60


def test_outcomes_are_in_sending_order(fcm: FcmServer, provider: Fcm) -> None:
    fcm.answer = lambda message: error(404, "UNREGISTERED") if int(message["token"][6:]) % 3 == 0 else None
    outcomes = provider.send([to_device("android", f"token-{n}") for n in range(30)])
    assert [outcome.result for outcome in outcomes] == ["gone" if n % 3 == 0 else "sent" for n in range(30)]


def test_silent_service_hits_the_timeout(fcm: FcmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.push.fcm.TIMEOUT_SECONDS", 0.4)
    provider = Fcm(fcm.service_account(), base_url=fcm.base_url)
    provider.send([to_device("android")])
    fcm.delay = 3.0
    (outcome,) = provider.send([to_device("android")])
    provider.close()
    assert (outcome.result, outcome.whole_host) == ("retry", True), "three seconds later it would have been sent"


def test_failed_access_token_leads_to_a_retry(fcm: FcmServer) -> None:
    account = fcm.service_account().replace(fcm.base_url, "http://127.0.0.1:1")
    provider = Fcm(account, base_url=fcm.base_url)
    outcomes = provider.send([to_device("android"), to_device("ios")])
    provider.close()
    assert [(outcome.result, outcome.whole_host) for outcome in outcomes] == [("retry", True)] * 2
    assert fcm.messages == []


@pytest.mark.parametrize("account", ["", "{}", "[]", '{"type": "service_account"}', "/no/such/file.json"])
def test_invalid_service_account_is_an_error_at_start(account: str) -> None:
    with pytest.raises((ValueError, OSError)):
        Fcm(account)


def test_iphone_is_notified_through_apns(fcm: FcmServer, provider: Fcm) -> None:
    provider.send([to_device("ios"), to_device("ios", payload=CLEAR)])
    alert, silent = fcm.messages if "notification" in fcm.messages[0] else fcm.messages[::-1]
    headers, aps = alert["apns"]["headers"], alert["apns"]["payload"]["aps"]
    assert headers["apns-collapse-id"] == "conversation-5"
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("alert", "10")
    assert 3500 < int(headers["apns-expiration"]) - time.time() <= 3600
    assert aps == {
        "alert": {"title": "Ann", "body": "Hello"},
        "badge": 4,
        "sound": "default",
        "thread-id": "conversation-5",
        "mutable-content": 1,
    }
    headers, aps = silent["apns"]["headers"], silent["apns"]["payload"]["aps"]
    assert (headers["apns-push-type"], headers["apns-priority"]) == ("background", "5")
    assert headers["apns-collapse-id"] == "conversation-5"
    assert aps == {"badge": 0, "content-available": 1}
    assert "notification" not in silent


def test_android_has_one_notification_per_conversation(fcm: FcmServer, provider: Fcm) -> None:
    provider.send([to_device("android")])
    provider.send([to_device("android", payload=CLEAR)])
    shown, silent = fcm.messages
    assert shown["android"] == {
        "collapse_key": "conversation-5",
        "priority": "high",
        "ttl": "3600s",
        "notification": {"tag": "conversation-5", "notification_count": 4},
    }
    assert silent["android"] == {"collapse_key": "conversation-5", "priority": "normal", "ttl": "3600s"}
    assert silent["data"] == {"type": "clear", "conversationId": "5", "tag": "conversation-5", "badge": "0"}


def test_web_token_gets_the_web_push_payload(fcm: FcmServer, provider: Fcm) -> None:
    provider.send([to_device("web")])
    (message,) = fcm.messages
    assert message["webpush"]["headers"] == {"TTL": "3600", "Urgency": "high", "Topic": "conversation-5"}
    assert message["webpush"]["notification"]["tag"] == "conversation-5"
    assert message["data"]["messageId"].startswith("018f4e2a")
    assert not {"title", "body"} & set(message["data"])
