"""The tokens that Parley itself issues: HS256 JWTs with the claims of flask-jwt-extended. app/api/jwt_manager.py makes
them; this module reads them.

Header: ``kid`` (which of the deployment's keys signed). Claims: ``iss``, ``aud``, ``sub`` (the user id as a string),
``sid`` (the auth session), ``type`` (access or refresh), ``gen`` (the refresh generation, only in refresh tokens),
``jti``, ``iat``, ``nbf``, ``exp``. Tokens from before ``kid``, ``iss`` and ``aud`` have none of the three, and are
valid until they end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jwt
import msgspec
from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_encode

from app.config_checks import OWN_ISSUER
from app.core.errors import Unauthorized
from app.core.key_ring import KeyRing

ALGORITHM = "HS256"
ISSUER = AUDIENCE = OWN_ISSUER  # Parley issues these tokens for itself
MAX_TOKEN_CHARS = 8192
_SIGNATURES = jwt.PyJWS()


class LocalClaims(msgspec.Struct, frozen=True):
    sub: str
    sid: str
    type: str
    exp: int
    gen: int = 0
    iss: str | None = None
    aud: str | None = None

    @property
    def user_id(self) -> int:
        return int(self.sub)


def read_local_token(token: str, *, keys: KeyRing) -> LocalClaims:
    """Verifies signature, expiry and shape, and returns the claims of an access or refresh token.

    Ignores "not before" and "issued at": only Parley signs these tokens, and each is valid from its issue on. A moment
    in the future only shows that this process's clock is behind the issuer's, by however much. Only the expiry limits
    a token. It has no leeway: clients renew in time.

    Does not check revocation. Raises Unauthorized. We do not use flask-jwt-extended's ``decode_token``, because
    sessions authenticate in greenlets that have no application context, and because it knows only one key.
    """
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise Unauthorized("The token is not valid.")
    try:
        claims = _verified(token, keys)
        int(claims.sub)
    except (jwt.PyJWTError, msgspec.MsgspecError, ValueError):
        raise Unauthorized("The token is not valid.") from None
    if claims.exp <= time.time():
        raise Unauthorized("The token has expired.")
    return claims


def read_refresh_token(token: str, *, keys: KeyRing) -> LocalClaims:
    """Returns the claims of a refresh token. Raises Unauthorized as ``read_local_token`` does, and for other tokens."""
    claims = read_local_token(token, keys=keys)
    if claims.type != "refresh":
        raise Unauthorized("This is not a refresh token.")
    return claims


def looks_local(token: str) -> bool:
    """Returns whether the token claims to be signed with the shared secret, which no external issuer's token does.
    Verifies nothing.
    """
    try:
        return _header(token).get("alg") == ALGORITHM
    except jwt.PyJWTError:
        return False


def _header(token: str) -> dict[str, Any]:
    """Returns the header, which nobody has verified. Raises jwt.PyJWTError."""
    return _header_of(token.partition(".")[0])


@lru_cache(maxsize=64)
def _header_of(segment: str) -> dict[str, Any]:
    # All tokens of one key have the same header. PyJWT reads headers only of whole tokens: this one has empty claims.
    return jwt.get_unverified_header(f"{segment}.e30.")


class _ExaminingOnce(HMACAlgorithm):
    """PyJWT examines a key at every use, which costs four times as much as the signature."""

    prepare_key = lru_cache(maxsize=16)(HMACAlgorithm.prepare_key)


@lru_cache(maxsize=16)
def prepared_key(key: str) -> jwt.PyJWK:
    """Returns a key that PyJWT has examined."""
    prepared = jwt.PyJWK({"kty": "oct", "k": base64url_encode(key.encode()).decode(), "alg": ALGORITHM})
    prepared.Algorithm = _ExaminingOnce(HMACAlgorithm.SHA256)
    return prepared


def _verified(token: str, keys: KeyRing) -> LocalClaims:
    """Returns the claims of a token with a valid signature, for this deployment."""
    kid = _header(token).get("kid")
    claims = msgspec.json.decode(_signed(token, keys.verifying(kid)), type=LocalClaims)
    if (claims.iss, claims.aud) != ((None, None) if kid is None else (ISSUER, AUDIENCE)):
        raise jwt.InvalidTokenError
    return claims


def _signed(token: str, keys: Sequence[str]) -> bytes:
    """Returns what one of the keys has signed. PyJWT's reader of claims would cost half as much again: it reads times
    and a list of audiences, which our tokens do not need.
    """
    for key in keys:
        try:
            payload: bytes = _SIGNATURES.decode(token, prepared_key(key), algorithms=[ALGORITHM])
            return payload
        except jwt.InvalidSignatureError:
            continue
    raise jwt.InvalidSignatureError
