"""Verifies webhooks of Parley (Standard Webhooks, https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parley_sdk.errors import ParleyError

TOLERANCE_SECONDS = 300
_PREFIX = "whsec_"


class WebhookRefused(ParleyError):
    """The request is not a fresh webhook of Parley. Answer it with 400 or 401 and do nothing else."""


@dataclass(frozen=True)
class WebhookEvent:
    """A verified webhook. Deliveries may repeat: ``id`` is the same in every repetition."""

    id: str
    type: str
    created_at: str
    data: dict[str, Any]


class Webhook:
    """Verifies with one secret, or with several while you replace one.

    Raises ValueError for a secret that is not ``whsec_`` and base64.
    """

    def __init__(self, secrets: str | Iterable[str]) -> None:
        listed = [secrets] if isinstance(secrets, str) else list(secrets)
        if not listed:
            raise ValueError("A webhook needs a secret.")
        self._keys = [_key(secret) for secret in listed]

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: float | None = None) -> WebhookEvent:
        """Returns the event. Raises WebhookRefused unless the body was signed with a secret in the last 5 minutes.

        ``body`` is the body as it was received: JSON that was parsed and written again has another signature.
        """
        payload = self.verify_payload(body, headers, now=now)
        try:
            return WebhookEvent(payload["id"], payload["type"], payload["createdAt"], payload["data"])
        except KeyError as missing:
            raise WebhookRefused(f"The body has no {missing}.") from None

    def verify_payload(self, body: bytes, headers: Mapping[str, str], *, now: float | None = None) -> dict[str, Any]:
        """Returns the signed JSON object, for example the request of the hook before sending."""
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            webhook_id, timestamp = lower["webhook-id"], lower["webhook-timestamp"]
            signatures = lower["webhook-signature"]
        except KeyError as missing:
            raise WebhookRefused(f"The header {missing} is missing.") from None
        _check_age(timestamp, time.time() if now is None else now)
        self._check_signature(webhook_id, timestamp, body, signatures)
        return _object(body)

    def sign(self, webhook_id: str, body: bytes, *, timestamp: int | None = None) -> dict[str, str]:
        """Returns the headers of a webhook with this body, for your tests."""
        at = str(int(time.time()) if timestamp is None else timestamp)
        signature = base64.b64encode(_mac(self._keys[0], webhook_id, at, body)).decode()
        return {"webhook-id": webhook_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}

    def _check_signature(self, webhook_id: str, timestamp: str, body: bytes, signatures: str) -> None:
        given = [_decoded(text[3:]) for text in signatures.split() if text.startswith("v1,")]
        expected = [_mac(key, webhook_id, timestamp, body) for key in self._keys]
        if not any(hmac.compare_digest(one, other) for one in given for other in expected):
            raise WebhookRefused("No signature is valid.")


def _mac(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    signed = b".".join([webhook_id.encode("utf-8", "surrogateescape"), timestamp.encode(), body])
    return hmac.new(key, signed, hashlib.sha256).digest()


def _key(secret: str) -> bytes:
    key = _decoded(secret.removeprefix(_PREFIX))
    if not key:
        raise ValueError("A webhook secret consists of whsec_ and base64.")
    return key


def _decoded(text: str) -> bytes:
    """Returns the bytes of base64, or no bytes if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _check_age(timestamp: str, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise WebhookRefused("webhook-timestamp is not a number of seconds.")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise WebhookRefused("The webhook is too old or from the future. Check the clock of this machine.")


def _object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError:
        raise WebhookRefused("The body is not JSON.") from None
    if not isinstance(payload, dict):
        raise WebhookRefused("The body is not an object.")
    return payload
