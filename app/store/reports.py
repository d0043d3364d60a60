"""Reported messages, with their text at the time of the report."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from sqlalchemy import Connection, Text, Update, case, cast, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import AccountDeletion, Report
from app.store.sql import as_ms, first, structs


class NewReport(Struct, frozen=True):
    reporter_id: int
    conversation_id: int
    seq: int
    message_id: str
    reported_id: int
    reason: str
    note: str | None
    body: str


class StoredReport(Struct, frozen=True):
    id: int
    reporter_id: int
    conversation_id: int
    seq: int
    message_id: str
    reported_id: int
    reason: str
    note: str | None
    body: str | None
    state: str
    created_ms: int
    handled_by: int | None
    handled_ms: int | None
    resolution: str | None


# In the order of StoredReport's fields.
_COLUMNS = (
    Report.id,
    Report.reporter_id,
    Report.conversation_id,
    Report.seq,
    cast(Report.message_id, Text),
    Report.reported_id,
    Report.reason,
    Report.note,
    Report.body,
    Report.state,
    as_ms(Report.created_at),
    Report.handled_by,
    as_ms(Report.handled_at),
    Report.resolution,
)
_DECIDED = Report.state.in_(("resolved", "dismissed"))


def add_report(conn: Connection, new: NewReport) -> tuple[StoredReport, bool]:
    """Stores the report, and returns it and True. If the user reported the message before, returns that first report
    and False instead.
    """
    message_id = UUID(new.message_id)
    values = {name: getattr(new, name) for name in new.__struct_fields__} | {"message_id": message_id}
    key = Report.reporter_id, Report.message_id, Report.conversation_id
    new_row = insert(Report).values(values).on_conflict_do_nothing(index_elements=key).returning(Report.id)
    is_new = conn.execute(new_row).first() is not None
    stored = select(*_COLUMNS).where(
        Report.reporter_id == new.reporter_id,
        Report.message_id == message_id,
        Report.conversation_id == new.conversation_id,
    )
    return structs(StoredReport, conn.execute(stored))[0], is_new


def get_report(conn: Connection, report_id: int) -> StoredReport | None:
    return first(StoredReport, conn.execute(select(*_COLUMNS).where(Report.id == report_id)).first())


def list_reports(conn: Connection, state: str, after: int, limit: int) -> tuple[list[StoredReport], bool]:
    """Returns reports of this state with ids greater than ``after``, and whether there are more."""
    page = select(*_COLUMNS).where(Report.state == state, Report.id > after).order_by(Report.id).limit(limit + 1)
    rows = structs(StoredReport, conn.execute(page))
    return rows[:limit], len(rows) > limit


def move_report(
    conn: Connection, report_id: int, expected: str, state: str, handled_by: int, resolution: str | None
) -> StoredReport | None:
    """Moves the report from the state ``expected`` to ``state``. None for ``resolution`` keeps the stored one.

    If two administrators decide at once, the second one finds another state, changes nothing and gets None.
    """
    moved = update(Report).where(Report.id == report_id, Report.state == expected)
    moved = moved.values(
        state=state,
        handled_by=handled_by,
        handled_at=func.now(),
        resolution=func.coalesce(resolution, Report.resolution),
    )
    return first(StoredReport, conn.execute(moved.returning(*_COLUMNS)).first())


def forget_erased(conn: Connection, report_id: int) -> None:
    """Removes the texts of erased users from a report, if it is decided. Safe to repeat."""
    conn.execute(_without_erased_texts().where(Report.id == report_id))


def forget_erased_of(conn: Connection, user_id: int) -> None:
    """Removes the texts of erased users from all decided reports by or about this user. Safe to repeat."""
    conn.execute(_without_erased_texts().where(or_(Report.reported_id == user_id, Report.reporter_id == user_id)))


def _without_erased_texts() -> Update:
    """A text of a user whose account was deleted with all messages stays as evidence until the report is decided."""
    erased = select(AccountDeletion.user_id).where(AccountDeletion.erase)
    body = case((Report.reported_id.in_(erased), null()), else_=Report.body)
    note = case((Report.reporter_id.in_(erased), null()), else_=Report.note)
    return update(Report).where(_DECIDED).values(body=body, note=note)
