"""Messages that were reported, with their texts as they were then."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection

from app.store.sql import HotStatement, first, ms_of, structs


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


_COLUMNS = (
    "id, reporter_id, conversation_id, seq, CAST(message_id AS text), reported_id, reason, note, body, state,"
    f" {ms_of('created_at')}, handled_by, {ms_of('handled_at')}, resolution"
)
_ADD = HotStatement("""
    INSERT INTO reports (reporter_id, conversation_id, seq, message_id, reported_id, reason, note, body)
    VALUES (:reporter_id, :conversation_id, :seq, CAST(:message_id AS uuid), :reported_id, :reason, :note, :body)
    ON CONFLICT (reporter_id, message_id, conversation_id) DO NOTHING RETURNING id
""")
_FIND = HotStatement(f"""
    SELECT {_COLUMNS} FROM reports
    WHERE reporter_id = :reporter_id AND message_id = CAST(:message_id AS uuid)
      AND conversation_id = :conversation_id
""")
_GET = HotStatement(f"SELECT {_COLUMNS} FROM reports WHERE id = :id")
_PAGE = HotStatement(f"""
    SELECT {_COLUMNS} FROM reports WHERE state = :state AND id > :after ORDER BY id LIMIT :limit
""")
# What somebody wrote whose account was deleted and all of theirs with it. It is evidence until the report is decided.
_WITHOUT_ERASED = """
    body = CASE WHEN reported_id IN (SELECT user_id FROM account_deletions WHERE erase) THEN NULL ELSE body END,
    note = CASE WHEN reporter_id IN (SELECT user_id FROM account_deletions WHERE erase) THEN NULL ELSE note END"""
# Two who decide at once: the second finds another state than it looked at, and changes nothing.
_MOVE = HotStatement(f"""
    UPDATE reports SET state = :state, handled_by = :handled_by, handled_at = now(),
                       resolution = coalesce(:resolution, resolution)
    WHERE id = :id AND state = :expected RETURNING {_COLUMNS}
""")
_FORGET_ONE = HotStatement(f"""
    UPDATE reports SET {_WITHOUT_ERASED} WHERE id = :id AND state IN ('resolved', 'dismissed') RETURNING 1
""")
_FORGET_OF = HotStatement(f"""
    UPDATE reports SET {_WITHOUT_ERASED}
    WHERE (reported_id = :user_id OR reporter_id = :user_id) AND state IN ('resolved', 'dismissed') RETURNING 1
""")


def add_report(conn: Connection, new: NewReport) -> StoredReport:
    """The report, which is the first one where the same user reported the message before."""
    _ADD.rows(conn, **{name: getattr(new, name) for name in new.__struct_fields__})
    rows = _FIND.rows(conn, reporter_id=new.reporter_id, message_id=new.message_id, conversation_id=new.conversation_id)
    return StoredReport(*rows[0])


def get_report(conn: Connection, report_id: int) -> StoredReport | None:
    return first(StoredReport, next(iter(_GET.rows(conn, id=report_id)), None))


def list_reports(conn: Connection, state: str, after: int, limit: int) -> tuple[list[StoredReport], bool]:
    """Reports of this state with a greater id, and whether there are more."""
    rows = structs(StoredReport, _PAGE.rows(conn, state=state, after=after, limit=limit + 1))
    return rows[:limit], len(rows) > limit


def move_report(
    conn: Connection, report_id: int, expected: str, state: str, handled_by: int, resolution: str | None
) -> StoredReport | None:
    """None where the report is not in the state ``expected`` any more."""
    values = {"state": state, "handled_by": handled_by, "resolution": resolution, "expected": expected}
    return first(StoredReport, next(iter(_MOVE.rows(conn, id=report_id, **values)), None))


def forget_erased(conn: Connection, report_id: int) -> None:
    """Of a decided report, the texts of users who are erased. Safe to repeat."""
    _FORGET_ONE.rows(conn, id=report_id)


def forget_erased_of(conn: Connection, user_id: int) -> None:
    """The same, of all decided reports in which this user has a part."""
    _FORGET_OF.rows(conn, user_id=user_id)
