"""The rows of the outbox in PostgreSQL. A relay holds a row lock for as long as it sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, func, select, true

from parley_sdk.outbox.queue import MAX_ROWS, Batch


class PostgresQueue:
    """If a relay dies, the database ends its transaction and with it the locks, so the next relay gets the rows."""

    def __init__(self, table: Table, engine: Engine) -> None:
        self._engine = engine
        self._heads = _select_heads(table)

    @contextmanager
    def claim(self, after: str) -> Iterator[Batch]:
        with self._engine.connect() as connection, _transaction(connection):
            rows = connection.execute(self._heads, {"after": after}).all()
            yield Batch(rows, connection.execute)

    def now(self) -> Any:
        return func.clock_timestamp()


def _transaction(connection: Connection) -> AbstractContextManager[Any]:
    """Begins a transaction whose locks last until the rows are deleted, also if the engine's default is AUTOCOMMIT."""
    return connection.execution_options(isolation_level="READ COMMITTED").begin()


def _select_heads(table: Table) -> Any:
    """Returns the statement that locks the first row of each lane after ``:after``, if it is due and not locked.

    It goes from lane to lane along the index, so its cost grows with the lanes and not with the rows that wait.
    """
    waiting, order = table.c.failed_at.is_(None), (table.c.lane, table.c.position)
    columns = (table.c.id, table.c.lane)
    first = select(*columns).where(waiting, table.c.lane > bindparam("after")).order_by(*order).limit(1)
    heads = first.cte("heads", recursive=True)
    following = table.alias("following")
    step = (
        select(following.c.id, following.c.lane)
        .where(following.c.failed_at.is_(None), following.c.lane > heads.c.lane)
        .order_by(following.c.lane, following.c.position)
        .limit(1)
        .correlate(heads)
        .lateral("step")
    )
    heads = heads.union_all(select(step.c.id, step.c.lane).select_from(heads.join(step, true())))
    # Lateral, so that the database looks up one row after the other, in the order of the lanes, and stops at the limit.
    # For a join, it may read the whole table.
    due = (
        select(table.c.id, table.c.lane, table.c.request, table.c.attempts)
        .where(table.c.id == heads.c.id, table.c.due_at <= func.now(), waiting)
        .with_for_update(skip_locked=True)
        .correlate(heads)
        .lateral("due")
    )
    return select(*due.c).select_from(heads.join(due, true())).limit(MAX_ROWS)
