"""The deployment's VAPID key (RFC 8292): by it a push service knows who sends, and a browser whom it subscribed to."""

from __future__ import annotations

import base64
import time
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

# RFC 8292: at most 24 hours. Services with a clock of their own get some slack.
CLAIM_SECONDS = 12 * 3600
SIGNED_FOR_SECONDS = 3600
_KEY_BYTES = 32


def make_private_key() -> str:
    """A new one: base64url of its 32 bytes."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return _base64url(number.to_bytes(_KEY_BYTES, "big"))


def load_private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Raise ValueError for anything but base64url of 32 bytes that are a key."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise ValueError("not base64url") from None
    if len(raw) != _KEY_BYTES:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def public_key_of(private_key: str) -> str:
    """The uncompressed point as base64url: what browsers subscribe with."""
    public = load_private_key(private_key).public_key()
    return _base64url(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Signer:
    """Authorization headers by origin. Claims are made anew for each signature and given to nobody: pywebpush writes
    the first service's ``aud`` and ``exp`` into the dictionary it is given, and a second service gets them too.
    """

    def __init__(self, private_key: str, subject: str) -> None:
        self._vapid = Vapid02(load_private_key(private_key))
        self._subject = subject
        self._signed: dict[str, tuple[float, str]] = {}

    def headers(self, endpoint: str) -> dict[str, str]:
        """A new dictionary each time. A signature (0.1 ms) is used for an hour of its twelve."""
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
