"""/api/v1/requests: requests to add the caller to a group, or to write to the caller."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.caller import require_caller, require_writer
from app.api.changes import carry_out
from app.api.parsing import json_response
from app.container import current_gateway
from app.core.request_answers import RequestList

blueprint = Blueprint("contact_requests", __name__, url_prefix="/api/v1/requests")


@blueprint.get("")
def waiting() -> Response:
    caller = require_caller()
    return json_response(RequestList(requests=current_gateway().reading.requests.waiting(caller.user_id)))


@blueprint.post("/<int:conversation_id>/accept")
def accept(conversation_id: int) -> Response:
    caller = require_writer()
    gateway = current_gateway()
    gateway.requests.accept(caller.user_id, conversation_id, carry_out)
    return json_response(gateway.reading.conversations.show(caller.user_id, conversation_id))


@blueprint.post("/<int:conversation_id>/refuse")
def refuse(conversation_id: int) -> Response:
    caller = require_writer()
    current_gateway().requests.refuse(caller.user_id, conversation_id)
    return Response(status=204)
