"""/api/v1/me: export your own data, and delete your account."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.caller import address, request_passwords, require_caller
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import DeleteAccount, DeletionTaken
from app.core.errors import NotFound
from app.core.ids import UUID
from app.services.accounts.exports import begin_export, read_export, show_export
from app.services.auth.check_password import check_password_if_any

blueprint = Blueprint("accounts", __name__, url_prefix="/api/v1/me")


@blueprint.delete("")
def delete() -> Response:
    container = current_container()
    caller = require_caller()
    with container.password_guard.confirming(address(), caller):
        given = parse_body(DeleteAccount) if request.get_data() else DeleteAccount()
        check_password_if_any(caller.user_id, given.password, engine=container.engine, passwords=request_passwords())
        container.account_deletion.delete(caller.user_id)
    return json_response(DeletionTaken("accepted"), 202)


@blueprint.post("/export")
def export() -> Response:
    container = current_container()
    caller = require_caller()
    container.limits.exports(address(), caller.user_id)
    return json_response(begin_export(caller.user_id, engine=container.engine), 202)


@blueprint.get("/exports/<export_id>")
def show(export_id: str) -> Response:
    caller = require_caller()
    return json_response(show_export(caller.user_id, checked_id(export_id), engine=current_container().engine))


@blueprint.get("/exports/<export_id>/file")
def read(export_id: str) -> Response:
    caller = require_caller()
    file = read_export(caller.user_id, checked_id(export_id), engine=current_container().engine)
    headers = {"Content-Length": str(file.size), "Content-Disposition": 'attachment; filename="parley-export.jsonl"'}
    return Response(file.pieces, headers=headers, content_type="application/x-ndjson")


def checked_id(export_id: str) -> str:
    if UUID.fullmatch(export_id) is None:
        raise NotFound
    return export_id
