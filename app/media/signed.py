"""Signs and checks the tokens in addresses of the local storage, with the deployment's keys (HMAC-SHA256):
the first key signs, all keys verify."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_PURPOSE = b"parley media address\0"


def sign(secret: str, claims: dict[str, Any]) -> str:
    """Returns a token of letters, digits, ``-``, ``_`` and one dot."""
    body = base64.urlsafe_b64encode(_encode(claims)).rstrip(b"=")
    return f"{body.decode()}.{_digest(secret, body)}"


def read_signed(secrets: Sequence[str], token: str, now: float) -> dict[str, Any] | None:
    """Returns the claims; None if the signature is wrong or the token expired (``exp``, unix seconds)."""
    body, _, digest = token.partition(".")
    if not body.isascii() or not any(_is_digest(digest, secret, body) for secret in secrets):
        return None
    claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims if claims["exp"] > now else None


def _is_digest(digest: str, secret: str, body: str) -> bool:
    return hmac.compare_digest(digest.encode(), _digest(secret, body.encode()).encode())


def _digest(secret: str, body: bytes) -> str:
    digest = hmac.new(secret.encode(), _PURPOSE + body, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
