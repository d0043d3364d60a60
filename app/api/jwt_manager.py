"""flask-jwt-extended: makes the tokens, and reads the refresh token of a request. Its refusals have the same form as
all other errors.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask, Response
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token

from app.config import Settings
from app.core.accounts import SignedIn, Tokens
from app.core.errors import Unauthorized
from app.errors_http import problem_response
from app.services.auth.auth_sessions import SignIn
from app.services.auth.local_tokens import ALGORITHM, CLOCK_LEEWAY_SECONDS


def install(app: Flask, settings: Settings) -> None:
    app.config.update(
        JWT_SECRET_KEY=settings.secret_key,
        JWT_ALGORITHM=ALGORITHM,
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=settings.access_token_seconds),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=settings.refresh_token_seconds),
        JWT_DECODE_LEEWAY=CLOCK_LEEWAY_SECONDS,
    )
    manager = JWTManager(app)
    for register in (manager.unauthorized_loader, manager.invalid_token_loader):
        register(_refused)
    for register in (manager.expired_token_loader, manager.revoked_token_loader):
        register(_expired)


def make_tokens(user_id: int, sid: str, generation: int) -> Tokens:
    """Returns the tokens of this generation of an auth session. Needs the application context, which has the key and
    the lifetimes.
    """
    return Tokens(
        access_token=create_access_token(str(user_id), additional_claims={"sid": sid}),
        refresh_token=create_refresh_token(str(user_id), additional_claims={"sid": sid, "gen": generation}),
    )


def signed_in(made: SignIn) -> SignedIn:
    """Returns the answer to a sign-in: the user and the tokens of the new session."""
    tokens = make_tokens(*made.session)
    return SignedIn(made.user, tokens.access_token, tokens.refresh_token)


def _refused(_reason: str) -> Response:
    return problem_response(Unauthorized("The token is not valid."))


def _expired(_header: dict[str, Any], _payload: dict[str, Any]) -> Response:
    return problem_response(Unauthorized("The token has expired."))
