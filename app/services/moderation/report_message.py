"""Reports a message to the administrators."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins
from sqlalchemy import Engine

from app.core.errors import Forbidden
from app.core.reports import ReportMessage, ReportTaken
from app.services.moderation.handle_reports import report_view, reporter_view
from app.store import reports
from app.store.engine import writing
from app.store.host_events import add_event


def report_message(user_id: int, message: dict[str, Any], given: ReportMessage, *, engine: Engine) -> ReportTaken:
    """Stores a report of this message with its current text. ``message`` is the JSON object that the user sees.

    Safe to repeat: the first report stands. Raises Forbidden for the user's own messages and for system messages.
    """
    if message["senderId"] == user_id or message["kind"] == "system":
        raise Forbidden("You cannot report your own messages or system messages.")
    new = reports.NewReport(
        reporter_id=user_id,
        conversation_id=message["conversationId"],
        seq=message["seq"],
        message_id=message["id"],
        reported_id=message["senderId"],
        reason=given.reason,
        note=given.note,
        body=message["message"],
    )
    with writing(engine) as connection:
        report, is_new = reports.add_report(connection, new)
        if is_new:
            add_event(connection, "report.created", new.conversation_id, _for_host(report))
    return reporter_view(report)


def _for_host(report: reports.StoredReport) -> dict[str, Any]:
    view: dict[str, Any] = to_builtins(report_view(report))
    return view
