"""/api/v1/me: take one's data along, and go."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.api.limits import address
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import DeleteAccount, DeletionTaken
from app.core.errors import NotFound
from app.core.ids import UUID
from app.services.accounts.delete_account import delete_account
from app.services.accounts.exports import begin_export, read_export, show_export
from app.services.auth.authenticate import require_caller
from app.services.auth.rate_limit import limit_deletion, limit_exports

blueprint = Blueprint("accounts", __name__, url_prefix="/api/v1/me")


@blueprint.delete("")
def delete() -> Response:
    caller = require_caller()
    limit_deletion(current_container(), address(), caller.user_id)
    given = parse_body(DeleteAccount) if request.get_data() else DeleteAccount()
    delete_account(current_container(), caller.user_id, given.password)
    return json_response(DeletionTaken("accepted"), 202)


@blueprint.post("/export")
def export() -> Response:
    caller = require_caller()
    limit_exports(current_container(), address(), caller.user_id)
    return json_response(begin_export(current_container(), caller.user_id), 202)


@blueprint.get("/exports/<export_id>")
def show(export_id: str) -> Response:
    caller = require_caller()
    return json_response(show_export(current_container(), caller.user_id, checked_id(export_id)))


@blueprint.get("/exports/<export_id>/file")
def read(export_id: str) -> Response:
    caller = require_caller()
    file = read_export(current_container(), caller.user_id, checked_id(export_id))
    headers = {"Content-Length": str(file.size), "Content-Disposition": 'attachment; filename="parley-export.jsonl"'}
    return Response(file.pieces, headers=headers, content_type="application/x-ndjson")


def checked_id(export_id: str) -> str:
    if UUID.fullmatch(export_id) is None:
        raise NotFound
    return export_id
