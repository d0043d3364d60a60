"""The deployment's VAPID key (RFC 8292). It identifies the sender to push services and binds subscriptions to it."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

# RFC 8292 allows at most 24 hours. Half of that leaves room for services whose clock differs from ours.
CLAIM_SECONDS = 12 * 3600
SIGNED_FOR_SECONDS = 3600
_KEY_BYTES = 32


def make_private_key() -> str:
    """Returns a new key as base64url of its 32 bytes."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _base64url(number.to_bytes(_KEY_BYTES, "big"))


def load_private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Parses a private key. Raises ValueError unless it is base64url of 32 bytes that form a key."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("not base64url") from None
    if len(raw) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def public_key_of(private_key: str) -> str:
    """Returns the uncompressed point as base64url. Browsers subscribe with it (``applicationServerKey``)."""
    public = load_private_key(private_key).public_key()
    return _base64url(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Signer:
    """Makes the Authorization header for each origin.

    Every signature has a new dictionary of claims, and pywebpush does not get it: pywebpush writes ``aud`` and ``exp``
    of the first service into the dictionary that it is given, and would then send them to the second service too.
    """

    def __init__(self, private_key: str, subject: str) -> None:
        self._vapid = Vapid02(load_private_key(private_key))
        self._subject = subject
        self._signed: dict[str, tuple[float, str]] = {}

    def headers(self, endpoint: str) -> dict[str, str]:
        """Returns a new dictionary each time. A signature costs 0.1 ms; it is valid for 12 hours and reused for one."""
        parts = urlsplit(endpoint)
        origin = f"{parts.scheme}://{parts.netloc}"
        now = time.time()
        until, header = self._signed.get(origin, (0.0, ""))
        if now >= until:
            header = self._sign(origin, now)
            if len(self._signed) > 1000:
                self._signed.clear()
            self._signed[origin] = (now + SIGNED_FOR_SECONDS, header)
        return {"Authorization": header}

    def _sign(self, origin: str, now: float) -> str:
        claims: dict[str, Any] = {"sub": self._subject, "aud": origin, "exp": int(now) + CLAIM_SECONDS}
        return str(self._vapid.sign(claims)["Authorization"])
