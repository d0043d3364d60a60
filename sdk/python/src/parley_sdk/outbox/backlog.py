"""Shows the waiting and the refused messages of the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Table, func, select, update


@dataclass(frozen=True)
class FailedMessage:
    id: UUID
    failed_at: datetime
    error: str
    request: dict[str, Any]


@dataclass(frozen=True)
class Backlog:
    """``oldest`` is when the longest waiting message was written. ``failed`` are the first 100 refused ones."""

    waiting: int
    oldest: datetime | None
    failed: Sequence[FailedMessage]


def show_backlog(table: Table, engine: Engine) -> Backlog:
    waiting = select(func.count(), func.min(table.c.created_at)).where(table.c.failed_at.is_(None))
    columns = (table.c.id, table.c.failed_at, table.c.error, table.c.request)
    failed = select(*columns).where(table.c.failed_at.is_not(None)).order_by(table.c.failed_at).limit(100)
    with engine.connect() as connection:
        count, oldest = connection.execute(waiting).one()
        rows = [FailedMessage(id_, _aware(at), *more) for id_, at, *more in connection.execute(failed)]
    return Backlog(count, None if oldest is None else _aware(oldest), rows)


def _aware(time: datetime) -> datetime:
    """Returns the time with its zone, which SQLite does not store."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def try_again(table: Table, engine: Engine, ids: Sequence[UUID] | None = None) -> int:
    """Lets refused messages (all, or these) be sent again, at their old place. Returns how many there are."""
    statement = update(table).where(table.c.failed_at.is_not(None))
    if ids is not None:
        statement = statement.where(table.c.id.in_(ids))
    with engine.begin() as connection:
        done = connection.execute(statement.values(failed_at=None, error=None, due_at=func.now()))
        return done.rowcount
