"""/api/v1/auth: accounts, tokens and tickets."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.caller import address, note_user, request_passwords, require_bearer_token, require_caller, require_writer
from app.api.jwt_manager import make_tokens, signed_in
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import ChangePassword, LogIn, Register, SignInsEnding
from app.core.errors import NotFound, SecondFactorRequired
from app.core.ids import UUID
from app.core.second_factor import LogInWithCode
from app.core.sign_ins import Origin, origin_of
from app.services.auth.change_password import change_password
from app.services.auth.list_sign_ins import end_other_sign_ins, end_sign_in, list_sign_ins
from app.services.auth.log_in import CodeNeeded, log_in
from app.services.auth.log_in_with_code import log_in_with_code
from app.services.auth.register_user import register_user
from app.services.auth.tickets import issue_ticket

blueprint = Blueprint("auth", __name__, url_prefix="/api/v1/auth")


@blueprint.post("/register")
def register() -> Response:
    container = current_container()
    body = parse_body(Register)
    container.limits.sign_in(address(), body.username)
    require_local_accounts()
    made = register_user(
        body,
        engine=container.engine,
        passwords=request_passwords(),
        sessions=container.auth_sessions,
        presence_visible=container.settings.presence_visible,
        origin=_origin(),
    )
    return json_response(signed_in(made), 201)


@blueprint.post("/login")
def login() -> Response:
    container = current_container()
    body = parse_body(LogIn)
    with container.password_guard.signing_in(address(), body.username, body.device_token):
        require_local_accounts()
        made = log_in(
            body,
            engine=container.engine,
            passwords=request_passwords(),
            sessions=container.auth_sessions,
            origin=_origin(),
        )
    if isinstance(made, CodeNeeded):
        raise _code_needed(made, body.device_token)
    return json_response(signed_in(made))


def _code_needed(by: CodeNeeded, device_token: str | None) -> SecondFactorRequired:
    container = current_container()
    device = container.known_devices.read(device_token)
    is_known = device is not None and device.user_id == by.user_id
    challenge = container.challenges.make(by.user_id, by.password_hash, device.sid if device and is_known else None)
    return SecondFactorRequired("Send the code to /auth/login/second-factor.", challenge=challenge)


@blueprint.post("/login/second-factor")
def login_with_code() -> Response:
    container = current_container()
    container.limits.links(address())
    require_local_accounts()
    body = parse_body(LogInWithCode)
    challenge = container.challenges.read(body.challenge)
    with container.code_guard.signing_in(address(), challenge):
        made = log_in_with_code(
            challenge,
            body.code,
            engine=container.engine,
            codes=container.one_time_codes,
            sessions=container.auth_sessions,
            origin=_origin(),
        )
    return json_response(signed_in(made))


@blueprint.post("/refresh")
def refresh() -> Response:
    claims = current_container().authenticator.read_refresh_token(require_bearer_token())
    note_user(claims.user_id)
    current_container().limits.tokens(claims.user_id)
    require_local_accounts()
    return json_response(make_tokens(*current_container().auth_sessions.refresh(claims)))


@blueprint.post("/logout")
def logout() -> Response:
    container = current_container()
    caller = container.authenticator.verify_to_log_out(require_bearer_token())
    return _ended(container.auth_sessions.log_out(caller))


@blueprint.post("/password")
def password() -> Response:
    container = current_container()
    caller = require_caller()
    with container.password_guard.confirming(address(), caller):
        body = parse_body(ChangePassword)
        ending = change_password(
            caller, body, engine=container.engine, passwords=request_passwords(), sessions=container.auth_sessions
        )
    return _ended(ending)


@blueprint.get("/sessions")
def sign_ins() -> Response:
    return json_response(list_sign_ins(require_caller(), engine=current_container().engine))


@blueprint.delete("/sessions/<session_id>")
def end_one(session_id: str) -> Response:
    container = current_container()
    caller = require_writer()
    if UUID.fullmatch(session_id) is None:
        raise NotFound
    return _ended(end_sign_in(caller, session_id, engine=container.engine, sessions=container.auth_sessions))


@blueprint.post("/sessions/end-others")
def end_others() -> Response:
    container = current_container()
    caller = require_writer()
    return _ended(end_other_sign_ins(caller, engine=container.engine, sessions=container.auth_sessions))


@blueprint.post("/ticket")
def ticket() -> Response:
    container = current_container()
    caller = require_caller()
    container.limits.tokens(caller.user_id)
    made = issue_ticket(caller, redis=container.redis, lifetime_seconds=container.settings.ticket_seconds)
    return json_response(made, 201)


def _ended(ending: SignInsEnding | None) -> Response:
    return Response(status=204) if ending is None else json_response(ending, 202)


def _origin() -> Origin:
    return origin_of(request.headers.get("User-Agent", ""), address())


def require_local_accounts() -> None:
    """Raises NotFound if the deployment trusts an external user service and LOCAL_ACCOUNTS is not set.

    One source of users is the safe default. With both, anybody could register the name of an external user and look
    like them.
    """
    if not current_container().settings.local_accounts_on:
        raise NotFound("Another service keeps the accounts of this deployment.")
