"""Reads the feed of events for hosts, and deletes old events. host_events.py writes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from app.store.log_switches import FEEDING, hold_switches
from app.store.pg_arrays import text_array
from app.store.sql import HotStatement, ms_of


class FeedEvent(NamedTuple):
    """``data`` is JSON."""

    id: int
    type: str
    created_ms: int
    data: str


class FeedPage(NamedTuple):
    """``position`` is the last event that was read, of any type. ``has_more``: there may be events after it. ``lost``:
    events after the reader's position were deleted.
    """

    events: list[FeedEvent]
    position: int
    has_more: bool
    lost: bool


_IS_USED = HotStatement("""
    SELECT EXISTS (SELECT FROM webhooks)
        OR EXISTS (SELECT FROM host_feed WHERE pulled_at > now() - CAST(:days AS float8) * interval '1 day')
""")
_PULLED = HotStatement("""
    UPDATE host_feed SET pulled_at = now()
    WHERE id = 1 AND (pulled_at IS NULL OR pulled_at < now() - interval '1 hour')
""")
_PAGE = HotStatement(f"""
    SELECT id, type, {ms_of("created_at")},
           CASE WHEN CAST(:types AS text[]) IS NULL OR type = ANY (CAST(:types AS text[])) THEN data END
    FROM host_events WHERE id > :after ORDER BY id LIMIT :limit
""")
_SWEPT = HotStatement("SELECT swept_id FROM host_feed WHERE id = 1")
_IS_FEEDING = HotStatement("SELECT feeding FROM log_state WHERE id = 1")
_LAST = HotStatement(
    "SELECT greatest((SELECT max(id) FROM host_events), (SELECT swept_id FROM host_feed WHERE id = 1))"
)
_SWEEP = HotStatement("""
    WITH old AS (
        SELECT id FROM host_events WHERE id IN (SELECT id FROM host_events ORDER BY id LIMIT :limit)
          AND created_at < now() - CAST(:days AS float8) * interval '1 day'
    ), ended AS (
        DELETE FROM webhook_deliveries WHERE event_id IN (SELECT id FROM old) AND state <> 'pending'
    ), swept AS (
        UPDATE host_feed SET swept_id = greatest(swept_id, (SELECT max(id) FROM old))
        WHERE id = 1 AND EXISTS (SELECT FROM old)
    )
    DELETE FROM host_events WHERE id IN (SELECT id FROM old)
""")


def begin_feed(conn: Connection) -> None:
    """Makes drains write events from now on: each batch either comes before the feed begins, or is in it. A caller that
    adds a webhook does both in one transaction.
    """
    FEEDING.turn(conn, on=True)


def end_unused_feed(conn: Connection, *, days: float) -> bool:
    """Stops the feed if there is no webhook and nobody has pulled for ``days``. Returns whether it stopped."""
    if not is_feeding(conn) or _is_used(conn, days):
        return False
    hold_switches(conn)
    return not _is_used(conn, days) and FEEDING.turn(conn, on=False)


def _is_used(conn: Connection, days: float) -> bool:
    return bool(_IS_USED.rows(conn, days=days)[0][0])


def is_feeding(conn: Connection) -> bool:
    return bool(_IS_FEEDING.rows(conn)[0][0])


def note_pull(conn: Connection) -> None:
    """Keeps the feed on. Writes at most once an hour."""
    if _PULLED.run(conn):
        begin_feed(conn)


def last_event(conn: Connection) -> int:
    """Returns the id of the newest event, or 0 if there was never an event."""
    return int(_LAST.rows(conn)[0][0] or 0)


def read_page(conn: Connection, after: int, limit: int, types: Collection[str] | None = None) -> FeedPage:
    """Returns the events of these types among the next ``limit`` events after ``after``."""
    rows = _PAGE.rows(conn, after=after, limit=limit, types=None if types is None else text_array(types))
    lost = after < int(_SWEPT.rows(conn)[0][0])
    events = [FeedEvent(*row) for row in rows if row[3] is not None]
    return FeedPage(events, rows[-1][0] if rows else after, len(rows) == limit, lost)


def sweep(conn: Connection, *, days: float, limit: int = 5000) -> int:
    """Deletes up to ``limit`` events that are older than ``days``, with their ended deliveries. Returns how many."""
    return _SWEEP.run(conn, days=days, limit=limit)
