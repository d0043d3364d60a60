"""Verification of webhooks. The package of Standard Webhooks is the other side."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from parley_sdk import Webhook, WebhookRefused

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
BODY = json.dumps(
    {"id": "evt_1", "type": "message.created", "createdAt": "2026-12-01T00:00:00.000Z", "data": {"text": "Grüße"}}
).encode()


def headers(body: bytes = BODY, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    """Returns the headers that the package of Standard Webhooks makes."""
    when = datetime.fromtimestamp(at, UTC) if at is not None else datetime.now(UTC)
    signature = standardwebhooks.Webhook(secret).sign("evt_1", when, body.decode())
    return {"Webhook-Id": "evt_1", "Webhook-Timestamp": str(int(when.timestamp())), "Webhook-Signature": signature}


def test_a_signed_webhook_is_an_event():
    event = Webhook(SECRET).verify(BODY, headers())
    assert (event.id, event.type, event.data) == ("evt_1", "message.created", {"text": "Grüße"})


def test_own_signatures_are_right_for_other_implementations():
    signed = Webhook(SECRET).sign("evt_1", BODY)
    assert standardwebhooks.Webhook(SECRET).verify(BODY, signed)


def test_one_of_several_secrets_and_signatures_is_enough():
    both = headers()
    both["Webhook-Signature"] = f"v1a,AAAA v1,AAAA {both['Webhook-Signature']}"
    assert Webhook([OTHER, SECRET]).verify(BODY, both).id == "evt_1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Webhook-Signature": ""}, "signature"),
        ({"Webhook-Signature": "v1,not base64!"}, "signature"),
        ({"Webhook-Signature": "v2,AAAA"}, "signature"),
        ({"Webhook-Id": "evt_2"}, "signature"),
        ({"Webhook-Timestamp": "yesterday"}, "number"),
        ({"Webhook-Timestamp": "9" * 5000}, "number"),
        ({"Webhook-Timestamp": "٣"}, "number"),
    ],
)
def test_changed_headers_are_refused(change: dict[str, str], message: str):
    with pytest.raises(WebhookRefused, match=message):
        Webhook(SECRET).verify(BODY, {**headers(), **change})


@pytest.mark.parametrize("name", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_missing_headers_are_refused(name: str):
    with pytest.raises(WebhookRefused, match=name.lower()):
        Webhook(SECRET).verify(BODY, {k: v for k, v in headers().items() if k != name})


def test_a_changed_body_and_another_secret_are_refused():
    with pytest.raises(WebhookRefused):
        Webhook(SECRET).verify(BODY.replace(b"evt_1", b"evt_2"), headers())
    with pytest.raises(WebhookRefused):
        Webhook(SECRET).verify(BODY, headers(secret=OTHER))


@pytest.mark.parametrize(("age", "fits"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_old_and_future_webhooks_are_refused(age: int, fits: bool):
    at = 1_790_000_000
    signed = headers(at=at)
    if fits:
        assert Webhook(SECRET).verify(BODY, signed, now=at + age)
    else:
        with pytest.raises(WebhookRefused, match="clock"):
            Webhook(SECRET).verify(BODY, signed, now=at + age)


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"id": "evt_1"}'])
def test_signed_bodies_of_another_shape_are_refused(body: bytes):
    with pytest.raises(WebhookRefused):
        Webhook(SECRET).verify(body, headers(body))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", []])
def test_wrong_secrets_are_refused_at_once(secret: Any):
    with pytest.raises(ValueError, match="secret"):
        Webhook(secret)
