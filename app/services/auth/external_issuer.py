"""Verifies access tokens of an external user service, set by JWT_JWKS_URL, JWT_PUBLIC_KEY or JWT_SHARED_SECRET with
issuer and audience.

Invariants:

* With public keys, accepts only RS256, ES256 and EdDSA, and of these only the one that belongs to the key. A
  shared-secret algorithm is never accepted with a public key: everybody knows the public key, so everybody could sign.
* With a shared secret, accepts only HS256.
* The key set is fetched at most once per ``REFETCH_SECONDS``, regardless of how many unknown key ids arrive. A key that
  is unknown in this time may be new, so its tokens are not refused for good: they get Overloaded.
* While the issuer does not answer, the keys of the last successful fetch stay in use.
* ``nbf`` refuses a token only if it is later than ``iat``. If both are in the future, this process's clock is behind
  the issuer's.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.config import ConfigError, Settings
from app.core.errors import Overloaded, Unauthorized
from app.core.external_claims import ExternalClaims
from app.services.auth.local_tokens import ALGORITHM as SHARED_ALGORITHM
from app.services.auth.local_tokens import MAX_TOKEN_CHARS, prepared_key
from app.services.auth.profile_claims import ClaimNames, ProfileClaims

log = logging.getLogger("parley.issuer")

ALGORITHMS = ("RS256", "ES256", "EdDSA")
LEEWAY_SECONDS = 30
FETCH_TIMEOUT_SECONDS = 3
REFETCH_SECONDS = 30.0  # after any fetch, whether it succeeded or not
REFRESH_SECONDS = 300.0  # a key that the issuer withdrew is accepted for at most this long
MAX_SUBJECT_CHARS = 255
LATEST_END = 32_503_680_000  # the year 3000; later moments do not fit into every timestamp type that we use


class Keys(Protocol):
    @property
    def algorithms(self) -> tuple[str, ...]: ...

    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        """Returns the key that the header names. Raises Unauthorized if there is no such key, Overloaded if the issuer
        does not answer.
        """


class ExternalIssuer:
    def __init__(self, issuer: str, audience: str, keys: Keys, names: ClaimNames | None = None) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._profile = ProfileClaims(names or ClaimNames())

    @classmethod
    def from_settings(cls, settings: Settings) -> ExternalIssuer | None:
        """Returns None if no external service is configured. Raises ConfigError if JWT_PUBLIC_KEY is not a public
        key.
        """
        keys: Keys
        if settings.jwt_jwks_url:
            keys = FetchedKeys(settings.jwt_jwks_url)
        elif settings.jwt_public_key:
            keys = ConfiguredKey(settings.jwt_public_key)
        elif settings.jwt_shared_secret:
            keys = SharedSecret(settings.jwt_shared_secret)
        else:
            return None
        return cls(settings.jwt_issuer, settings.jwt_audience, keys, ClaimNames.from_settings(settings))

    def is_named_by(self, token: str) -> bool:
        """Returns whether the token claims to be from this issuer. Verifies nothing."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return False
        return bool(claims.get("iss") == self._issuer)

    def read_token(self, token: str) -> ExternalClaims:
        """Verifies the token and returns its claims. Raises Unauthorized if this issuer did not sign it for us,
        Overloaded if the issuer's keys cannot be fetched.
        """
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthorized("The token is not valid.")
        try:
            return self._claims(token, self._payload(token))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise Unauthorized("The token is not valid.") from None

    def _payload(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in self._keys.algorithms:
            raise Unauthorized("The token's algorithm is not accepted.")
        payload: dict[str, Any] = jwt.decode(
            token,
            self._keys.for_token(header),
            algorithms=self._keys.algorithms,
            audience=self._audience,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"], "verify_iat": False, "verify_nbf": False},
        )
        if _begins_later(payload):
            raise Unauthorized("The token is not valid yet.")
        return payload

    def _claims(self, token: str, payload: dict[str, Any]) -> ExternalClaims:
        subject = payload["sub"]
        expires_at = int(payload["exp"]) + LEEWAY_SECONDS
        if not 0 < len(subject) <= MAX_SUBJECT_CHARS or "\0" in subject or expires_at > LATEST_END:
            raise Unauthorized("The token's subject or expiry is not accepted.")
        session = payload.get("sid") or payload.get("jti") or hashlib.sha256(token.encode()).hexdigest()
        return ExternalClaims(
            issuer=self._issuer,
            subject=subject,
            sid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._issuer}\n{subject}\n{session}")),
            expires_at=expires_at,
            issued_ms=_issued_ms(payload),
            **self._profile.read(payload),
        )


def _begins_later(payload: dict[str, Any]) -> bool:
    now = time.time()
    begins, issued = int(payload.get("nbf", 0)), int(payload.get("iat", now))
    return begins > max(now, issued) + LEEWAY_SECONDS


def _issued_ms(payload: dict[str, Any]) -> int | None:
    """A time in the future counts as now. Otherwise one wrong token would make all later ones look old."""
    issued = payload.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or issued <= 0:
        return None
    return int(min(issued, time.time() + LEEWAY_SECONDS) * 1000)


class SharedSecret:
    """A secret that the host and Parley share, as text."""

    algorithms = (SHARED_ALGORITHM,)

    def __init__(self, secret: str) -> None:
        self._key = prepared_key(secret)

    def for_token(self, _header: dict[str, Any]) -> jwt.PyJWK:
        return self._key


class ConfiguredKey:
    """One public key in PEM. Newlines may be written as ``\\n``, as environment variables often require."""

    algorithms = ALGORITHMS

    def __init__(self, pem: str) -> None:
        try:
            public = load_pem_public_key(pem.replace("\\n", "\n").encode())
            self._key = jwt.PyJWK(_as_jwk(public))
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError("JWT_PUBLIC_KEY is not a PEM public key of type RSA, P-256 or Ed25519.") from error

    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        if header.get("alg") != self._key.algorithm_name:
            raise Unauthorized("The token's algorithm does not match the key.")
        return self._key


def _as_jwk(public: object) -> dict[str, Any]:
    if isinstance(public, rsa.RSAPublicKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True) | {"alg": "RS256"}
    if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
        return jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True) | {"alg": "ES256"}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return jwt.algorithms.OKPAlgorithm.to_jwk(public, as_dict=True) | {"alg": "EdDSA"}
    raise ValueError("unsupported key type")


class FetchedKeys:
    """The issuer's key set, fetched on first use and then as often as the module's invariants allow."""

    algorithms = ALGORITHMS

    def __init__(self, url: str) -> None:
        # The client's own cache is off: it does not remember failed fetches, and it blocks readers during a fetch.
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_SECONDS)
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")

    def for_token(self, header: dict[str, Any]) -> jwt.PyJWK:
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise Unauthorized("The token does not name its key.")
        asked_at = time.monotonic()
        key = self._keys.get(kid)
        if key is None or time.monotonic() - self._fetched_at > REFRESH_SECONDS:
            self._refresh(kid)
            key = self._keys.get(kid)
        if key is not None:
            return key
        if self._fetched_at < self._attempted_at:
            raise Overloaded("The issuer of this token does not answer.", retry_after=REFETCH_SECONDS)
        if self._fetched_at < asked_at:
            wait = max(1.0, self._fetched_at + REFETCH_SECONDS - asked_at)
            raise Overloaded("The token's key may be new: it is looked up later.", retry_after=wait)
        raise Unauthorized("The token's key is unknown.")

    def _refresh(self, kid: str) -> None:
        """Fetches the key set, one fetch at a time. Callers that waited for a fetch check its result before they start
        another.
        """
        with self._lock:
            now = time.monotonic()
            fresh = now - self._fetched_at <= REFRESH_SECONDS
            if (fresh and kid in self._keys) or now - self._attempted_at < REFETCH_SECONDS:
                return
            self._attempted_at = now
            try:
                self._keys = self._fetch()
            except (jwt.PyJWTError, ValueError, OSError) as error:
                log.warning("the issuer's key set could not be fetched: %s", type(error).__name__)
            else:
                self._fetched_at = now

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        return {
            key.key_id: key
            for key in self._client.get_signing_keys()
            if key.key_id and key.algorithm_name in ALGORITHMS
        }
