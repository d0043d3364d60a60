"""/api/v1/conversations/{id}/invites and /api/v1/invites/{code}."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from app.api.caller import require_caller, require_writer
from app.api.changes import carry_out
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_gateway

blueprint = Blueprint("invites", __name__, url_prefix="/api/v1")


class NewInvite(Struct, frozen=True, rename="camel"):
    """``expiresIn`` is in seconds, at most a year. Without ``expiresIn`` and ``maxUses``, the invite is valid until it
    is revoked.
    """

    expires_in: Annotated[int, Meta(ge=1, le=366 * 86_400)] | None = None
    max_uses: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class RevokeBody(Struct, frozen=True):
    """Without ``code``, all invites are revoked."""

    code: str | None = None


@blueprint.post("/conversations/<int:conversation_id>/invites")
def create(conversation_id: int) -> Response:
    caller = require_writer()
    new = parse_body(NewInvite) if request.get_data() else NewInvite()
    invites = current_gateway().invites
    made = invites.create(caller.user_id, conversation_id, new.expires_in, new.max_uses)
    return json_response(made, 201)


@blueprint.get("/conversations/<int:conversation_id>/invites")
def list_all(conversation_id: int) -> Response:
    caller = require_caller()
    return json_response(current_gateway().invites.list(caller.user_id, conversation_id))


@blueprint.delete("/conversations/<int:conversation_id>/invites")
def revoke_named(conversation_id: int) -> Response:
    """Takes ``code`` from the body or the query, because some clients cannot send a body with DELETE."""
    caller = require_writer()
    named = parse_body(RevokeBody) if request.get_data() else parse_query(RevokeBody)
    invites = current_gateway().invites
    if named.code is None:
        invites.revoke_all(caller.user_id, conversation_id)
    else:
        invites.revoke(caller.user_id, conversation_id, named.code)
    return Response(status=204)


@blueprint.delete("/conversations/<int:conversation_id>/invites/<code>")
def revoke(conversation_id: int, code: str) -> Response:
    caller = require_writer()
    current_gateway().invites.revoke(caller.user_id, conversation_id, code)
    return Response(status=204)


@blueprint.get("/invites/<code>")
def preview(code: str) -> Response:
    require_writer()  # counts as a write, so that nobody can guess codes
    return json_response(current_gateway().invites.preview(code))


@blueprint.post("/invites/<code>")
def accept(code: str) -> Response:
    caller = require_writer()
    gateway = current_gateway()
    conversation_id = gateway.invites.accept(caller.user_id, code, carry_out)
    return json_response(gateway.reading.conversations.show(caller.user_id, conversation_id))
