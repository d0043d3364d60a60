"""/api/v1/admin/users/{id}/suspension, for administrators."""

from __future__ import annotations

from flask import Blueprint, Response

from app.api.caller import require_writer
from app.api.parsing import json_response, parse_body
from app.container import current_container
from app.core.accounts import SuspendUser
from app.services.moderation.handle_reports import check_admin

blueprint = Blueprint("suspensions", __name__, url_prefix="/api/v1")


@blueprint.put("/admin/users/<int:user_id>/suspension")
def suspend(user_id: int) -> Response:
    admin_id = _require_admin()
    wanted = parse_body(SuspendUser)
    return json_response(current_container().suspensions.suspend(user_id, wanted, actor_id=admin_id))


@blueprint.delete("/admin/users/<int:user_id>/suspension")
def lift(user_id: int) -> Response:
    admin_id = _require_admin()
    current_container().suspensions.lift(user_id, actor_id=admin_id)
    return Response(status=204)


def _require_admin() -> int:
    caller = require_writer()
    check_admin(caller.user_id, engine=current_container().engine)
    return caller.user_id
