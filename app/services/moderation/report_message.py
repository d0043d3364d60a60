"""Tell the administrators of a message."""

from __future__ import annotations

from app.core.errors import Forbidden
from app.core.reports import ReportMessage, ReportTaken
from app.services.messaging.message_path import MessagePath
from app.services.moderation.handle_reports import taken_view
from app.services.reading.find_message import find_present
from app.store import reports
from app.store.engine import autocommit


def report_message(
    path: MessagePath, user_id: int, message_id: str, conversation_id: int | None, given: ReportMessage
) -> ReportTaken:
    """Keeps the text as it is now. Safe to repeat: the first report stands. May block.

    Raise NotFound where the user sees no such message or it was deleted, Invalid where several have this id, Forbidden
    for one's own and for a system message.
    """
    message = find_present(path, user_id, message_id, conversation_id)
    if message["senderId"] == user_id or message["kind"] == "system":
        raise Forbidden("One's own messages and system messages cannot be reported.")
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
    with autocommit(path.engine) as connection:
        return taken_view(reports.add_report(connection, new))
