"""flask-jwt-extended makes the tokens. app/services/auth/local_tokens.py reads them."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, current_app
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from app.api.caller import note_user
from app.config import Settings
from app.container import current_container
from app.core.accounts import SignedIn, Tokens
from app.core.key_ring import KeyRing
from app.services.auth.auth_sessions import SignIn
from app.services.auth.local_tokens import ALGORITHM, AUDIENCE, ISSUER


def install(app: Flask, settings: Settings) -> None:
    keys = KeyRing(settings.keys)
    app.config.update(
        JWT_SECRET_KEY=keys.signing_key,
        JWT_ALGORITHM=ALGORITHM,
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_ENCODE_AUDIENCE=AUDIENCE,
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.access_token_seconds),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_token_seconds),
    )
    app.extensions["parley_token_headers"] = {"kid": keys.signing_id}
    JWTManager(app)


def make_access_token(user_id: int, sid: str, *, seconds: int | None = None) -> str:
    """Needs the application context, which has the key and the usual lifetime."""
    headers = current_app.extensions["parley_token_headers"]
    lifetime = None if seconds is None else timedelta(seconds=seconds)
    token = create_access_token(
        str(user_id), expires_delta=lifetime, additional_claims={"sid": sid}, additional_headers=headers
    )
    return str(token)


def make_refresh_token(user_id: int, sid: str, generation: int) -> str:
    """Needs the application context."""
    headers = current_app.extensions["parley_token_headers"]
    claims = {"sid": sid, "gen": generation}
    return str(create_refresh_token(str(user_id), additional_claims=claims, additional_headers=headers))


def make_tokens(user_id: int, sid: str, generation: int) -> Tokens:
    """Returns the tokens of this generation of an auth session. Needs the application's context."""
    return Tokens(
        access_token=make_access_token(user_id, sid),
        refresh_token=make_refresh_token(user_id, sid, generation),
        device_token=current_container().known_devices.token(user_id, sid),
    )


def signed_in(made: SignIn) -> SignedIn:
    """Returns the answer to a sign-in: the user and the tokens of the new session."""
    note_user(made.user.id)
    tokens = make_tokens(*made.session)
    return SignedIn(made.user, tokens.access_token, tokens.refresh_token, tokens.device_token)
