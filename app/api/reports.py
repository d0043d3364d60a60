"""/api/v1/messages/{id}/report for users, and /api/v1/admin/reports for administrators."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from app.api.caller import address, require_caller, require_writer
from app.api.message_changes import WhichQuery, checked
from app.api.parsing import json_response, parse_body, parse_query
from app.container import current_container, current_gateway
from app.core.reports import ReportMessage, ReportPatch, State
from app.services.moderation.handle_reports import handle_report, list_reports
from app.services.moderation.report_message import report_message

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1")


class ReportsQuery(Struct, frozen=True):
    state: State = "open"
    cursor: Annotated[str, Meta(max_length=16)] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@blueprint.post("/messages/<message_id>/report")
def report(message_id: str) -> Response:
    caller = require_caller()
    current_container().limits.reports(address(), caller.user_id)
    which = parse_query(WhichQuery).conversation_id
    given = parse_body(ReportMessage)
    message = current_gateway().reading.messages.find_present(caller.user_id, checked(message_id), which)
    return json_response(report_message(caller.user_id, message, given, engine=current_container().engine), 201)


@blueprint.get("/admin/reports")
def show_reports() -> Response:
    caller = require_caller()
    query = parse_query(ReportsQuery)
    engine = current_container().engine
    return json_response(list_reports(caller.user_id, query.state, query.cursor or None, query.limit, engine=engine))


@blueprint.patch("/admin/reports/<int:report_id>")
def handle(report_id: int) -> Response:
    caller = require_writer()
    patch = parse_body(ReportPatch)
    return json_response(handle_report(caller.user_id, report_id, patch, engine=current_container().engine))
