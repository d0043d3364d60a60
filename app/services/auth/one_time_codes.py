"""Makes the secrets of authenticators, and checks their one-time codes (TOTP, RFC 6238).

Secrets are stored encrypted, so a copy of the database is not enough to make codes. The first key of the deployment
encrypts and all of them decrypt, so a key can be replaced (docs/operations.md).
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyotp
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyotp.exceptions import OTPVerificationError

log = logging.getLogger(__name__)

ISSUER = "Parley"  # the name that authenticators show beside the username
STEPS_AROUND = 1  # clocks of phones differ, and people take time to type


class NewSecret(NamedTuple):
    """Only ``sealed`` may be stored."""

    secret: str
    uri: str
    sealed: bytes


class OneTimeCodes:
    def __init__(self, keys: Sequence[str], *, clock: Callable[[], float] = time.time) -> None:
        self._box = MultiFernet([Fernet(_derived(key)) for key in keys])
        self._clock = clock

    def new_secret(self, username: str) -> NewSecret:
        secret = pyotp.random_base32()
        uri = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)
        return NewSecret(secret, uri, self._box.encrypt(secret.encode()))

    def step_of(self, sealed: bytes, code: str) -> int | None:
        """Returns the number of the 30 seconds that the code belongs to. Returns None for a wrong code, and if no key
        decrypts the secret.
        """
        secret = self._opened(sealed)
        if secret is None:
            return None
        try:
            totp = pyotp.TOTP(secret)
            return totp.verify_and_get_timecode(code, for_time=self._clock(), valid_window=STEPS_AROUND)
        except OTPVerificationError:
            return None

    def resealed(self, sealed: bytes) -> bytes | None:
        """Returns the secret encrypted by the first key; None if no key decrypts it."""
        secret = self._opened(sealed)
        return None if secret is None else self._box.encrypt(secret.encode())

    def _opened(self, sealed: bytes) -> str | None:
        try:
            return self._box.decrypt(sealed).decode()
        except InvalidToken:
            log.error("a secret of a second factor was encrypted with a key that is not in SECRET_KEYS")
            return None


def _derived(key: str) -> bytes:
    """Returns a key for this purpose only: the deployment's key also signs tokens."""
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parley second factor")
    return base64.urlsafe_b64encode(derivation.derive(key.encode()))
