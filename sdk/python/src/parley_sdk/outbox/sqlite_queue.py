"""The rows of the outbox in SQLite, which has one writer at a time and no row locks.

A lock that is held while a relay sends would keep the host from writing. So a relay leases rows: it moves ``due_at`` to
the end of the lease, commits, and sends. If it dies, the rows are due again when the lease ends. A relay that was
only slow sends messages that another one has sent in between, which does no harm: Parley stores an id once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Executable, Row, Table, bindparam, func, select, update

from parley_sdk.outbox.queue import MAX_ROWS, Batch
from parley_sdk.outbox.table import OutboxUnsupported

LEASE = timedelta(seconds=30)


class SqliteQueue:
    def __init__(self, table: Table, engine: Engine) -> None:
        self._table = table
        self._engine = engine
        self._due, self._lease = _statements(table)

    @contextmanager
    def claim(self, after: str) -> Iterator[Batch]:
        if _is_in_memory(self._engine):
            raise OutboxUnsupported(
                "A relay needs a SQLite database in a file: other connections do not see one in memory."
            )
        now = self.now()
        rows = self._lease_rows(after, now)
        changes: list[Executable] = []
        try:
            yield Batch(rows, changes.append)
        except BaseException:
            self._give_back(rows, now)
            raise
        if changes:
            with self._engine.begin() as connection:
                for change in changes:
                    connection.execute(change)

    def _lease_rows(self, after: str, now: datetime) -> Sequence[Row[Any]]:
        values = {"after": after, "now": now}
        with self._engine.connect() as connection:  # a look that finds nothing takes no write lock
            if connection.execute(self._due, values).first() is None:
                return []
        with self._engine.begin() as connection:
            rows = connection.execute(self._lease, {**values, "until": now + LEASE}).all()
        return sorted(rows, key=lambda row: str(row.lane))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _give_back(self, rows: Sequence[Row[Any]], due_at: datetime) -> None:
        if rows:
            these = self._table.c.id.in_([row.id for row in rows])
            with self._engine.begin() as connection:
                connection.execute(update(self._table).where(these).values(due_at=due_at))


def _statements(table: Table) -> tuple[Any, Any]:
    """Returns the statement that selects the first row of each lane after ``:after``, if it is due at ``:now``, and the
    one that leases these rows.

    The second is one statement, because SQLite refuses to turn a transaction that has read into one that writes if
    another process has written in between.
    """
    first = select(table.c.lane, func.min(table.c.position).label("position"))
    waiting = table.c.failed_at.is_(None), table.c.lane > bindparam("after")
    heads = first.where(*waiting).group_by(table.c.lane).subquery("heads")
    other, time = table.alias("other"), table.c.due_at.type
    due = (
        select(other.c.id)
        .join(heads, (other.c.lane == heads.c.lane) & (other.c.position == heads.c.position))
        .where(other.c.due_at <= bindparam("now", type_=time), other.c.failed_at.is_(None))
        .order_by(other.c.lane)
        .limit(MAX_ROWS)
    )
    lease = update(table).where(table.c.id.in_(due)).values(due_at=bindparam("until", type_=time))
    return due, lease.returning(table.c.id, table.c.lane, table.c.request, table.c.attempts)


def _is_in_memory(engine: Engine) -> bool:
    database = engine.url.database or ""
    is_uri = database.startswith("file:")
    return database in ("", ":memory:") or (is_uri and ("mode=memory" in str(engine.url) or ":memory:" in database))
