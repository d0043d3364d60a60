"""/api/v1/me/email and /api/v1/auth: e-mail addresses, and the reset of a forgotten password."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.auth import require_local_accounts
from app.api.caller import address, request_passwords, require_writer
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import ChangeEmail, ForgotPassword, MailTaken, RemoveEmail, ResetPassword, VerifyEmail
from app.core.errors import EmailOff, Invalid
from app.requested_language import requested_language
from app.services.auth.change_email import remove_email, request_email, verify_email
from app.services.auth.reset_password import reset_password
from app.task_queue import enqueue_reset_links

blueprint = Blueprint("emails", __name__, url_prefix="/api/v1")


@blueprint.put("/me/email")
def change() -> Response:
    container = current_container()
    caller = require_writer()
    require_email()
    body = parse_body(ChangeEmail)
    container.limits.mail(address(), body.email)
    with container.password_guard.confirming(address(), caller):
        request_email(
            caller, body, engine=container.engine, passwords=request_passwords(), language=requested_language()
        )
    return json_response(MailTaken("accepted"), 202)


@blueprint.delete("/me/email")
def remove() -> Response:
    container = current_container()
    caller = require_writer()
    with container.password_guard.confirming(address(), caller):
        remove_email(
            caller,
            parse_body(RemoveEmail),
            engine=container.engine,
            passwords=request_passwords(),
            language=requested_language(),
        )
    return Response(status=204)


@blueprint.post("/auth/email/verify")
def verify() -> Response:
    container = current_container()
    container.limits.links(address())
    verify_email(parse_body(VerifyEmail), engine=container.engine, language=requested_language())
    return Response(status=204)


@blueprint.post("/auth/password/forgot")
def forgot() -> Response:
    """Does the same work whether the account exists or not: the look-up happens in a task."""
    require_local_accounts()
    require_email()
    body = parse_body(ForgotPassword)
    if (body.username is None) == (body.email is None):
        raise Invalid.field("username", "give either username or email")
    current_container().limits.mail(address(), body.username or body.email or "")
    enqueue_reset_links(body.username, body.email, address(), requested_language())
    return json_response(MailTaken("accepted"), 202)


@blueprint.post("/auth/password/reset")
def reset() -> Response:
    container = current_container()
    container.limits.links(address())
    require_local_accounts()
    body = parse_body(ResetPassword)
    reset_password(
        body,
        engine=container.engine,
        passwords=request_passwords(),
        sessions=container.auth_sessions,
        language=requested_language(),
    )
    return Response(status=204)


def require_email() -> None:
    """Raises EmailOff if this deployment sends no e-mail."""
    if not current_container().settings.mail_url:
        raise EmailOff("This deployment sends no e-mail. An operator can make a link: flask users reset-password.")
