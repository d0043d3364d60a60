"""/api/v1/blocks: whom one does not want to hear from."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.limits import require_writer
from app.api.parsing import json_response
from app.container import current_gateway
from app.services.auth.authenticate import require_caller
from app.services.moderation.block_user import block_user, list_blocked, unblock_user

blueprint = Blueprint("blocks", __name__, url_prefix="/api/v1/blocks")


@blueprint.put("/<int:user_id>")
def block(user_id: int) -> Response:
    caller = require_writer()
    block_user(current_gateway().path, caller.user_id, user_id)
    return Response(status=204)


@blueprint.delete("/<int:user_id>")
def unblock(user_id: int) -> Response:
    caller = require_writer()
    unblock_user(current_gateway().path, caller.user_id, user_id)
    return Response(status=204)


@blueprint.get("")
def show() -> Response:
    caller = require_caller()
    return json_response(list_blocked(current_gateway().path, caller.user_id))
