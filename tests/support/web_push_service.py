"""A Web Push service on loopback (RFC 8030).

It verifies VAPID (RFC 8292), decrypts (RFC 8291), and keeps one notification per tag, as browsers do. Tests set its
answers.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.stand_in import Handler, StandIn, serving

MAX_BYTES = 4096


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hkdf(salt: bytes, key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


@dataclass
class Browser:
    """One subscription with its private keys.

    ``shown`` holds the notifications a service worker would show: tag -> payload.
    """

    name: str
    base_url: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    received: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return f"{self.base_url}/push/{self.name}"

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self) -> dict[str, Any]:
        """Returns the subscription as PushSubscription.toJSON does."""
        keys = {"p256dh": b64(self.public), "auth": b64(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def decrypt(self, body: bytes) -> bytes:
        """Decrypts one record (RFC 8188 and 8291)."""
        salt, size = body[:16], body[20]
        sender_point, sealed = body[21 : 21 + size], body[21 + size :]
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender_point)
        shared = self.private.exchange(ec.ECDH(), sender)
        key = _hkdf(self.secret, shared, b"WebPush: info\0" + self.public + sender_point, 32)
        content_key = _hkdf(salt, key, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _hkdf(salt, key, b"Content-Encoding: nonce\0", 12)
        padded = AESGCM(content_key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert padded[-1:] == b"\2", "not the last record"
        return padded[:-1]

    def take(self, payload: dict[str, Any]) -> None:
        self.received.append(payload)
        if payload["type"] == "clear":
            self.shown.pop(payload["tag"], None)
        else:
            self.shown[payload["tag"]] = payload


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


Answer = tuple[int, dict[str, str]]


class WebPushService(StandIn):
    """``answer(request)`` returns the answer to send; None means 201."""

    def __init__(self, public_key: str | None = None) -> None:
        super().__init__(_Handler)
        self.public_key = public_key
        self.browsers: dict[str, Browser] = {}
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer | None] = lambda request: None

    def browser(self, host: str = "127.0.0.1") -> Browser:
        """Creates a subscription at this server under the given host name."""
        name = f"b{len(self.browsers)}-{os.urandom(4).hex()}"
        made = Browser(name, f"http://{host}:{self.server_address[1]}")
        self.browsers[made.name] = made
        return made

    def take(self, request: Request) -> Answer:
        self.requests.append(request)
        with self.under_way():
            return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        override = self.answer(request)
        if override is not None:
            return override
        browser = self.browsers.get(request.path.rsplit("/", 1)[1])
        if browser is None:
            return 410, {}
        if len(request.body) > MAX_BYTES:
            return 413, {}
        try:
            self.check(request, browser.base_url)
            payload = json.loads(browser.decrypt(request.body))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is the finding
            self.failures.append(f"{type(error).__name__}: {error}")
            return 400, {}
        with self._lock:
            browser.take(payload)
        return 201, {"Location": f"{self.base_url}/message/{len(self.requests)}"}

    def check(self, request: Request, origin: str) -> None:
        """Checks the requirements of RFC 8030 and 8292."""
        headers = request.headers
        assert int(headers["ttl"]) > 0
        assert headers["urgency"] in {"very-low", "low", "normal", "high"}
        assert 0 < len(headers["topic"]) <= 32
        assert headers["content-encoding"] == "aes128gcm"
        scheme, _, parameters = headers["authorization"].partition(" ")
        assert scheme == "vapid"
        pairs = dict(part.strip().split("=", 1) for part in parameters.split(","))
        if self.public_key is not None:
            assert pairs["k"] == self.public_key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(pairs["k"]))
        claims = jwt.decode(pairs["t"], key, algorithms=["ES256"], audience=origin)
        assert claims["sub"].startswith(("mailto:", "https:"))
        assert time.time() < claims["exp"] <= time.time() + 24 * 3600


class _Handler(Handler):
    server: WebPushService

    def do_POST(self) -> None:
        self.reply(*self.server.take(Request(self.path, *self.read(), time.monotonic())))

    def do_GET(self) -> None:
        self.server.requests.append(Request(self.path, {}, b"GET", time.monotonic()))
        self.reply(200, {})


def web_push_service(public_key: str | None = None) -> AbstractContextManager[WebPushService]:
    return serving(WebPushService(public_key))
