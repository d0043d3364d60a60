"""Challenges: they show that somebody gave the right password, and that the code of the second factor is still missing.

A challenge is signed and not stored. It is valid for five minutes, and ends when the password changes.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from app.core.errors import Invalid

LIFETIME_SECONDS = 300


class Challenge(NamedTuple):
    """``device`` is the known device that the password was given on; None for any other device."""

    user_id: int
    fingerprint: str
    device: str | None

    def is_for(self, password_hash: str | None) -> bool:
        """Returns whether this is still the hash of the password that was given."""
        return password_hash is not None and hmac.compare_digest(self.fingerprint, _fingerprint(password_hash))


class _Signer(TimestampSigner):
    def __init__(self, *args: Any, clock: Callable[[], float], **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class Challenges:
    """``keys`` are the deployment's: the first one signs, all of them verify."""

    def __init__(self, keys: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)),  # itsdangerous signs with the last one
            salt="parley second factor",
            signer=_Signer,
            signer_kwargs={
                "key_derivation": "hmac",
                "digest_method": hashlib.sha256,
                "clock": clock,
            },
        )

    def make(self, user_id: int, password_hash: str, device: str | None) -> str:
        made: str = self._serializer.dumps([user_id, _fingerprint(password_hash), device])
        return made

    def read(self, text: str) -> Challenge:
        """Raises Invalid if the challenge is older than five minutes or is not ours."""
        try:
            user_id, fingerprint, device = self._serializer.loads(text, max_age=LIFETIME_SECONDS)
        except (BadData, ValueError, TypeError):
            raise has_ended() from None
        return Challenge(int(user_id), str(fingerprint), device)


def has_ended() -> Invalid:
    return Invalid.field("challenge", "has expired; sign in with the password again")


def _fingerprint(password_hash: str) -> str:
    """Returns a text that identifies a stored hash without disclosing it. The hash itself contains a random salt."""
    return hashlib.sha256(b"parley challenge\0" + password_hash.encode()).hexdigest()[:32]
