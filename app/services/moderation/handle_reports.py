"""What administrators do with reports: read them, and say what becomes of them. To others there is nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from app.core.errors import Conflict, Invalid, NotFound
from app.core.reports import NEXT_STATES, Report, ReportList, ReportPatch, ReportTaken
from app.core.times import rfc3339
from app.store import reports, users
from app.store.engine import autocommit, reading
from app.store.reports import StoredReport

if TYPE_CHECKING:
    from app.container import Container


def check_admin(parley: Container, user_id: int) -> None:
    """Raise NotFound for anybody but an administrator."""
    with reading(parley.engine) as connection:
        if not users.is_admin(connection, user_id):
            raise NotFound


def list_reports(parley: Container, user_id: int, state: str, cursor: str | None, limit: int) -> ReportList:
    """The oldest first. Raise NotFound as ``check_admin``, Invalid for a cursor that is none of ours."""
    check_admin(parley, user_id)
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid.field("cursor", "not a cursor of this list")
    with reading(parley.engine) as connection:
        found, more = reports.list_reports(connection, state, int(cursor or 0), limit)
    return ReportList(reports=[report_view(row) for row in found], cursor=str(found[-1].id) if more else UNSET)


def handle_report(parley: Container, user_id: int, report_id: int, patch: ReportPatch) -> Report:
    """Move a report on. Said again, the same is answered as before.

    Raise NotFound as ``check_admin`` or where there is no such report, Conflict where it was decided, or where somebody
    else moves it at this moment.
    """
    check_admin(parley, user_id)
    with autocommit(parley.engine) as connection:
        report = reports.get_report(connection, report_id)
        if report is None:
            raise NotFound
        if report.state == patch.state:
            return report_view(report)
        if patch.state not in NEXT_STATES[report.state]:
            raise Conflict(f"The report is {report.state}.")
        moved = reports.move_report(connection, report_id, report.state, patch.state, user_id, patch.resolution)
        reports.forget_erased(connection, report_id)
    if moved is None:
        raise Conflict("Somebody else has handled the report meanwhile.")
    return report_view(moved)


def taken_view(row: StoredReport) -> ReportTaken:
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
