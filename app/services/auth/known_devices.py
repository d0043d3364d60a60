"""Device tokens: they show that somebody signed in on this device before.

A known device has its own budget of wrong passwords, so others cannot lock its owner out by guessing. A device token
gives no other right, and does not end with its sign-in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer


class KnownDevice(NamedTuple):
    user_id: int
    sid: str  # of the sign-in that made it known


class KnownDevices:
    """``keys`` are the deployment's: the first one signs, all of them verify."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._signer = URLSafeSerializer(
            list(reversed(keys)),  # itsdangerous signs with the last one
            salt="parley known device",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def token(self, user_id: int, sid: str) -> str:
        made: str = self._signer.dumps([user_id, sid])
        return made

    def read(self, token: str | None) -> KnownDevice | None:
        """Returns the device, or None if there is no token or it is not ours."""
        try:
            user_id, sid = self._signer.loads(token or "")
        except (BadData, ValueError, TypeError):
            return None
        return KnownDevice(int(user_id), str(sid))
