"""The tokens that Parley itself issues: HS256 JWTs with the claims of flask-jwt-extended. app/api/jwt_manager.py makes
them; this module reads them.

Claims: ``sub`` (the user id as a string), ``sid`` (the auth session), ``type`` (access or refresh), ``gen`` (the
refresh generation, only in refresh tokens), ``jti``, ``iat``, ``nbf``, ``exp``.
"""

from __future__ import annotations

import time
from typing import Any

import jwt
import msgspec

from app.core.errors import Unauthorized

ALGORITHM = "HS256"
# Applies only to "not before" and "issued at": the clock of the web process that issued the token may be ahead of this
# process's.
CLOCK_LEEWAY_SECONDS = 30
MAX_TOKEN_CHARS = 8192


class LocalClaims(msgspec.Struct, frozen=True):
    sub: str
    sid: str
    type: str
    exp: int
    gen: int = 0

    @property
    def user_id(self) -> int:
        return int(self.sub)


def read_local_token(token: str, *, secret_key: str) -> LocalClaims:
    """Verifies signature, lifetime and shape, and returns the claims of an access or refresh token.

    Does not check revocation. Raises Unauthorized. We do not use flask-jwt-extended's ``decode_token``, because
    sessions authenticate in greenlets that have no application context.
    """
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise Unauthorized("The token is not valid.")
    try:
        claims = msgspec.convert(_decoded(token, secret_key), LocalClaims)
        int(claims.sub)
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError):
        raise Unauthorized("The token is not valid.") from None
    if claims.exp <= time.time():
        raise Unauthorized("The token has expired.")
    return claims


def looks_local(token: str) -> bool:
    """Returns whether the token claims to be signed with the shared secret, which no external issuer's token does.
    Verifies nothing.
    """
    try:
        return jwt.get_unverified_header(token).get("alg") == ALGORITHM
    except jwt.PyJWTError:
        return False


def _decoded(token: str, secret_key: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        secret_key,
        algorithms=[ALGORITHM],
        leeway=CLOCK_LEEWAY_SECONDS,
        options={"require": ["exp", "sub"]},
    )
