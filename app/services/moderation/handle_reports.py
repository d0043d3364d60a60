"""Administrators read reports and decide them. For all other users, reports do not exist."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Engine

from app.core.errors import Conflict, Invalid, NotFound
from app.core.reports import NEXT_STATES, Report, ReportList, ReportPatch, ReportTaken
from app.core.times import rfc3339
from app.services.audit.record import record
from app.store import reports, users
from app.store.engine import reading, writing
from app.store.reports import StoredReport


def check_admin(user_id: int, *, engine: Engine) -> None:
    """Raises NotFound unless the user is an administrator."""
    with reading(engine) as connection:
        if not users.is_admin(connection, user_id):
            raise NotFound


def list_reports(user_id: int, state: str, cursor: str | None, limit: int, *, engine: Engine) -> ReportList:
    """Returns a page of the reports in this state, oldest first. Raises NotFound as ``check_admin`` does, Invalid for a
    malformed cursor.
    """
    check_admin(user_id, engine=engine)
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid.field("cursor", "is not a cursor of this list")
    with reading(engine) as connection:
        found, more = reports.list_reports(connection, state, int(cursor or 0), limit)
    return ReportList(reports=[report_view(row) for row in found], cursor=str(found[-1].id) if more else UNSET)


def handle_report(user_id: int, report_id: int, patch: ReportPatch, *, engine: Engine) -> Report:
    """Moves a report to another state and returns it. A repeated call returns the same answer.

    Raises NotFound as ``check_admin`` does and if there is no such report; Conflict if the report was already decided,
    or another administrator changes it at the same moment.
    """
    check_admin(user_id, engine=engine)
    with writing(engine) as connection:
        report = reports.get_report(connection, report_id)
        if report is None:
            raise NotFound
        if report.state == patch.state:
            return report_view(report)
        if patch.state not in NEXT_STATES[report.state]:
            raise Conflict(f"A report in state {report.state} cannot change to {patch.state}.")
        moved = reports.move_report(connection, report_id, report.state, patch.state, user_id, patch.resolution)
        reports.forget_erased(connection, report_id)
        if moved is not None:
            record(
                connection,
                "report.handled",
                actor_id=user_id,
                target_id=moved.reported_id,
                reportId=report_id,
                state=patch.state,
            )
    if moved is None:
        raise Conflict("Another administrator has just changed this report.")
    return report_view(moved)


def reporter_view(row: StoredReport) -> ReportTaken:
    return msgspec.convert(_members(row), ReportTaken)


def report_view(row: StoredReport) -> Report:
    return msgspec.convert(_members(row), Report)


def _members(row: StoredReport) -> dict[str, Any]:
    view = {
        "id": row.id,
        "messageId": row.message_id,
        "conversationId": row.conversation_id,
        "reason": row.reason,
        "createdAt": rfc3339(row.created_ms),
        "reporterId": row.reporter_id,
        "reportedId": row.reported_id,
        "seq": row.seq,
        "message": row.body or "",
        "state": row.state,
        "note": row.note,
        "handledBy": row.handled_by,
        "handledAt": None if row.handled_ms is None else rfc3339(row.handled_ms),
        "resolution": row.resolution,
    }
    return {name: value for name, value in view.items() if value is not None}
