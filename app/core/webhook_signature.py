"""Signatures of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 with a shared secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
SECRET_BYTES = 24
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64


def secret_of(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Returns the key of a secret. Raises ValueError unless it is ``whsec_`` and the base64 of 24 to 64 bytes."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if not secret.startswith(PREFIX) or not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def signed_headers(key: bytes, id_: str, seconds: int, body: bytes) -> dict[str, str]:
    """Returns the headers of a request with this body, sent at ``seconds`` since 1970."""
    mac = hmac.digest(key, b"%b.%d.%b" % (id_.encode(), seconds, body), hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Parley",
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
