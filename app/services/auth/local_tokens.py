"""The tokens that Parley itself gives out: HS256 JWTs in the claims of flask-jwt-extended.

Claims: ``sub`` user id as a string, ``sid`` auth session, ``type`` access or refresh, ``gen`` the refresh
generation (refresh tokens only), ``jti``, ``iat``, ``nbf``, ``exp``.
"""

from __future__ import annotations

import time
from typing import Any

import jwt
import msgspec
from flask_jwt_extended import create_access_token, create_refresh_token

from app.config import Settings
from app.core.accounts import Tokens
from app.core.errors import Unauthorized

ALGORITHM = "HS256"
# For "not before" and "issued at" alone: the clock of the web process that issued it may be ahead of this
# one's.
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


def make_tokens(user_id: int, sid: str, generation: int) -> Tokens:
    """Needs the application context, for lifetimes and key (app/api/jwt_manager.py)."""
    return Tokens(
        access_token=create_access_token(str(user_id), additional_claims={"sid": sid}),
        refresh_token=create_refresh_token(str(user_id), additional_claims={"sid": sid, "gen": generation}),
    )


def read_local_token(settings: Settings, token: str) -> LocalClaims:
    """Signature, lifetime and shape. Raises Unauthorized. Of either type; says nothing of revocation.

    Not flask-jwt-extended's ``decode_token``: sessions authenticate in greenlets that have no application
    context.
    """
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise Unauthorized("The token is not valid.")
    try:
        claims = msgspec.convert(_decoded(settings, token), LocalClaims)
        int(claims.sub)
    except (jwt.PyJWTError, msgspec.ValidationError, ValueError):
        raise Unauthorized("The token is not valid.") from None
    if claims.exp <= time.time():
        raise Unauthorized("The token has expired.")
    return claims


def looks_local(token: str) -> bool:
    """Whether it claims to be signed with the shared secret, as the tokens of no outside issuer are. Verifies
    nothing.
    """
    try:
        return jwt.get_unverified_header(token).get("alg") == ALGORITHM
    except jwt.PyJWTError:
        return False


def _decoded(settings: Settings, token: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        settings.secret_key,
        algorithms=[ALGORITHM],
        leeway=CLOCK_LEEWAY_SECONDS,
        options={"require": ["exp", "sub"]},
    )
