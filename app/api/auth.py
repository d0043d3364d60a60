"""/api/v1/auth: accounts, tokens and tickets."""

from __future__ import annotations

import msgspec
from flask import Blueprint, Response
from flask_jwt_extended import get_jwt, verify_jwt_in_request

from app.api.limits import address
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import LogIn, Register
from app.services.auth.authenticate import require_caller
from app.services.auth.issue_ticket import issue_ticket
from app.services.auth.local_tokens import LocalClaims
from app.services.auth.log_in import log_in
from app.services.auth.log_out import log_out
from app.services.auth.rate_limit import limit_sign_in, limit_tokens
from app.services.auth.refresh_tokens import refresh_tokens
from app.services.auth.register_user import register_user

blueprint = Blueprint("auth", __name__, url_prefix="/api/v1/auth")


@blueprint.post("/register")
def register() -> Response:
    body = parse_body(Register)
    limit_sign_in(current_container(), address(), body.username)
    return json_response(register_user(current_container(), body), 201)


@blueprint.post("/login")
def login() -> Response:
    body = parse_body(LogIn)
    limit_sign_in(current_container(), address(), body.username)
    return json_response(log_in(current_container(), body))


@blueprint.post("/refresh")
def refresh() -> Response:
    verify_jwt_in_request(refresh=True)
    claims = msgspec.convert(get_jwt(), LocalClaims)
    limit_tokens(current_container(), address(), claims.user_id)
    return json_response(refresh_tokens(current_container(), claims))


@blueprint.post("/logout")
def logout() -> Response:
    log_out(current_container(), require_caller())
    return Response(status=204)


@blueprint.post("/ticket")
def ticket() -> Response:
    caller = require_caller()
    limit_tokens(current_container(), address(), caller.user_id)
    return json_response(issue_ticket(current_container(), caller), 201)
