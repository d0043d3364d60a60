"""/api/v1/admin/audit, for administrators."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import require_caller
from app.api.parsing import json_response, parse_query
from app.container import current_container
from app.core.audit import Action, AuditFilter
from app.core.commands import Id
from app.core.times import ms_of_time
from app.services.audit.read_audit import list_audit
from app.services.moderation.handle_reports import check_admin

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1")


class AuditQuery(Struct, rename="camel", frozen=True):
    """``userId`` finds acts by this user and acts on this user. ``since`` is a date or an RFC 3339 time."""

    user_id: Id | None = None
    action: Action | None = None
    since: Annotated[str, Meta(min_length=8, max_length=40)] | None = None
    cursor: Annotated[str, Meta(max_length=16)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@blueprint.get("/admin/audit")
def show_audit() -> Response:
    caller = require_caller()
    query = parse_query(AuditQuery)
    engine = current_container().engine
    check_admin(caller.user_id, engine=engine)
    wanted = AuditFilter(query.user_id, query.action, None if query.since is None else ms_of_time(query.since, "since"))
    return json_response(list_audit(wanted, query.cursor or None, query.limit, engine=engine))
