"""/api/v1/auth/second-factor: turns the second factor of your account on and off."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.caller import address, request_passwords, require_caller, require_writer
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.second_factor import BeginSecondFactor, ConfirmSecondFactor, ProveSecondFactor
from app.requested_language import requested_language
from app.services.auth.enable_second_factor import begin_second_factor, confirm_second_factor
from app.services.auth.prove_second_factor import disable_second_factor, renew_recovery_codes

blueprint = Blueprint("second_factors", __name__, url_prefix="/api/v1/auth/second-factor")


@blueprint.post("")
def begin() -> Response:
    container = current_container()
    caller = require_caller()
    with container.password_guard.confirming(address(), caller):
        begun = begin_second_factor(
            caller,
            parse_body(BeginSecondFactor),
            engine=container.engine,
            passwords=request_passwords(),
            codes=container.one_time_codes,
        )
    return json_response(begun, 201)


@blueprint.post("/confirm")
def confirm() -> Response:
    container = current_container()
    caller = require_writer()
    body = parse_body(ConfirmSecondFactor)
    with container.code_guard.confirming(caller):
        made = confirm_second_factor(
            caller,
            body,
            engine=container.engine,
            codes=container.one_time_codes,
            sessions=container.auth_sessions,
            language=requested_language(),
        )
    return json_response(made)


@blueprint.delete("")
def disable() -> Response:
    container = current_container()
    caller = require_caller()
    with container.password_guard.confirming(address(), caller), container.code_guard.confirming(caller):
        disable_second_factor(
            caller,
            parse_body(ProveSecondFactor),
            engine=container.engine,
            passwords=request_passwords(),
            codes=container.one_time_codes,
            sessions=container.auth_sessions,
            language=requested_language(),
        )
    return Response(status=204)


@blueprint.post("/recovery-codes")
def renew() -> Response:
    container = current_container()
    caller = require_caller()
    with container.password_guard.confirming(address(), caller), container.code_guard.confirming(caller):
        made = renew_recovery_codes(
            caller,
            parse_body(ProveSecondFactor),
            engine=container.engine,
            passwords=request_passwords(),
            codes=container.one_time_codes,
            sessions=container.auth_sessions,
        )
    return json_response(made)
