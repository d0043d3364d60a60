"""/api/v1/blocks: users whom the caller has blocked."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.caller import require_caller, require_writer
from app.api.parsing import json_response
from app.container import current_container, current_gateway
from app.services.moderation.blocks import Blocks

blueprint = Blueprint("blocks", __name__, url_prefix="/api/v1/blocks")


@blueprint.put("/<int:user_id>")
def block(user_id: int) -> Response:
    caller = require_writer()
    current_container().directory.check(caller.user_id, [user_id])
    _blocks().block(caller.user_id, user_id)
    return Response(status=204)


@blueprint.delete("/<int:user_id>")
def unblock(user_id: int) -> Response:
    caller = require_writer()
    _blocks().unblock(caller.user_id, user_id)
    return Response(status=204)


@blueprint.get("")
def show() -> Response:
    caller = require_caller()
    return json_response(_blocks().blocked_by(caller.user_id))


def _blocks() -> Blocks:
    container, reading = current_container(), current_gateway().reading
    return Blocks(
        engine=container.engine,
        redis=container.redis,
        shards=container.shards,
        requests=reading.requests,
        hydrate=reading.cache.hydrate,
    )
