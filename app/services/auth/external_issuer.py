"""An outside user service whose access tokens are believed: JWT_JWKS_URL or JWT_PUBLIC_KEY, with issuer and
audience.

Invariants:

* Only RS256, ES256 and EdDSA, and of these the one that belongs to the key. A shared-secret algorithm is
  never accepted with a public key: whoever knows the public key (everybody) could sign.
* However many unknown key ids arrive, the key set is fetched at most once in ``REFETCH_SECONDS``.
* While the issuer does not answer, the keys that were last seen go on being used.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from typing import Any, Protocol

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.config import ConfigError, Settings
from app.core.accounts import showable
from app.core.errors import Overloaded, Unauthorized
from app.services.auth.local_tokens import MAX_TOKEN_CHARS

log = logging.getLogger("parley.issuer")

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEEWAY_SECONDS = 30
FETCH_TIMEOUT_SECONDS = 3
REFETCH_SECONDS = 30.0  # after any fetch, whether it succeeded or not
REFRESH_SECONDS = 300.0  # a key that the issuer withdrew is believed this long
MAX_SUBJECT_CHARS = 255
LATEST_END = 32_503_680_000  # the year 3000: what lies beyond does not fit every timestamp it is put into


class OutsideClaims(msgspec.Struct, frozen=True):
    """``sid`` is made from the issuer's own session id, or the token's, so that a logout here has something
    to revoke.
    """

    issuer: str
    subject: str
    sid: str
    expires_at: int
    username: str
    display_name: str


class Keys(Protocol):
    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The key that the header names. Raises Unauthorized where there is none, Overloaded where nobody can
        say.
        """


class ExternalIssuer:
    def __init__(self, issuer: str, audience: str, keys: Keys) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys

    @classmethod
    def from_settings(cls, settings: Settings) -> ExternalIssuer | None:
        """None where no outside service is trusted. Raises ConfigError for a public key that is none."""
        if settings.jwt_jwks_url:
            return cls(settings.jwt_issuer, settings.jwt_audience, FetchedKeys(settings.jwt_jwks_url))
        if settings.jwt_public_key:
            return cls(settings.jwt_issuer, settings.jwt_audience, GivenKey(settings.jwt_public_key))
        return None

    def read_token(self, token: str) -> OutsideClaims:
        """Raise Unauthorized for whatever this issuer did not sign for us, Overloaded where its keys cannot
        be had.
        """
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthorized("The token is not valid.")
        try:
            return self._claims(token, self._payload(token))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthorized("The token is not valid.") from None

    def _payload(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise Unauthorized("The token's algorithm is not accepted.")
        return jwt.decode(
            token,
            self._keys.for_token(header),
            algorithms=ALGORITHMS,
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )

    def _claims(self, token: str, payload: dict[str, Any]) -> OutsideClaims:
        subject = payload["sub"]
        expires_at = int(payload["exp"]) + LEEWAY_SECONDS
        if not 0 < len(subject) <= MAX_SUBJECT_CHARS or "\0" in subject or expires_at > LATEST_END:
            raise Unauthorized("The token's subject or end is not accepted.")
        session = payload.get("sid") or payload.get("jti") or hashlib.sha256(token.encode()).hexdigest()
        return OutsideClaims(
            issuer=self._issuer,
            subject=subject,
            sid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._issuer}\n{subject}\n{session}")),
            expires_at=expires_at,
            username=_text(payload, "preferred_username"),
            display_name=_text(payload, "name"),
        )


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    return showable(value) if isinstance(value, str) else ""


class GivenKey:
    """One public key in PEM. Newlines may be written as ``\\n``, as environment variables often need."""

    def __init__(self, pem: str) -> None:
        try:
            public = load_pem_public_key(pem.replace("\\n", "\n").encode())
            self._key = jwt.PyJWK(_as_jwk(public))
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError("JWT_PUBLIC_KEY is not a PEM public key of RSA, P-256 or Ed25519.") from error

    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        if header.get("alg") != self._key.algorithm_name:
            raise Unauthorized("The token's algorithm is not that of the key.")
        return self._key


def _as_jwk(public: object) -> dict[str, Any]:
    if isinstance(public, rsa.RSAPublicKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True) | {"alg": "RS256"}
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        return jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True) | {"alg": "ES256"}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True) | {"alg": "EdDSA"}
    raise ValueError("unsupported kind of key")


class FetchedKeys:
    """The issuer's key set, fetched when first needed and again as the module's invariants say."""

    def __init__(self, url: str) -> None:
        # Its own caches are off: it does not remember failed fetches, and it holds its lock while others only
        # want to look.
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")

    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise Unauthorized("The token names no key.")
        key = self._keys.get(kid)
        if key is None or time.monotonic() - self._fetched_at > REFRESH_SECONDS:
            self._refresh(kid)
            key = self._keys.get(kid)
        if key is not None:
            return key
        if self._fetched_at < self._tried_at:
            raise Overloaded("The issuer of this token does not answer.", retry_after=REFETCH_SECONDS)
        raise Unauthorized("The token's key is not known.")

    def _refresh(self, kid: str) -> None:
        """One fetch at a time; those who waited for it look again before they try themselves."""
        with self._lock:
            now = time.monotonic()
            fresh = now - self._fetched_at <= REFRESH_SECONDS
            if (fresh and kid in self._keys) or now - self._tried_at < REFETCH_SECONDS:
                return
            self._tried_at = now
            try:
                self._keys = self._fetched()
            except (jwt.PyJWTError, ValueError, OSError) as error:
                log.warning("the issuer's key set could not be fetched: %s", type(error).__name__)
            else:
                self._fetched_at = now

    def _fetched(self) -> dict[str, jwt.PyJWK]:
        return {
            key.key_id: key
            for key in self._client.get_signing_keys()
            if key.key_id and key.algorithm_name in ALGORITHMS
        }
