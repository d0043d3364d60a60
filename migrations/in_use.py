"""Changes to large tables while they are in use. Such a migration is no transaction: it must be safe to run again after
a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

# A concurrent index build waits for older transactions, but blocks none.
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "300s", "4h"


@contextmanager
def while_in_use() -> Iterator[None]:
    """Runs each statement in its own transaction with long timeouts, and restores the timeouts for later migrations.

    Behind a pooler in transaction mode, it sets nothing, because the next statement may run in another session.
    """
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        if is_pooled(connection):
            yield
            return
        before = {name: setting(connection, name) for name in ("lock_timeout", "statement_timeout")}
        set_timeouts(connection, {"lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT})
        try:
            yield
        finally:
            set_timeouts(connection, before)


def build_index(name: str, table: str, definition: str) -> None:
    """Builds an index concurrently, within ``while_in_use``. ``definition`` is the part after ``ON <table>``.

    An operator may have partitioned the table. Postgres has no concurrent build for a partitioned table, so its
    partitions get their indexes one after another. Raises OperationalError if writers hold such a table for 5 s.
    """
    partitions = _partitions_of(table)
    if not partitions:
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")  # a failed build leaves an invalid one
        op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} {definition}")
        return
    connection = op.get_bind()
    before = setting(connection, "lock_timeout")
    set_timeouts(connection, {"lock_timeout": "5s"})  # this index is empty, but its creation blocks writers
    op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {definition}")
    set_timeouts(connection, {"lock_timeout": before})
    for partition in partitions:
        part = f"{name}_{partition.rpartition('_')[2]}"
        attached = sa.text("SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(:part))")
        if not connection.execute(attached, {"part": part}).scalar_one():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")
            op.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {definition}")
            op.execute(f"ALTER INDEX {name} ATTACH PARTITION {part}")


def _partitions_of(table: str) -> list[str]:
    statement = "SELECT CAST(inhrelid::regclass AS text) FROM pg_inherits WHERE inhparent = to_regclass(:table)"
    return list(op.get_bind().execute(sa.text(f"{statement} ORDER BY inhrelid"), {"table": table}).scalars())


def is_pooled(connection: sa.Connection) -> bool:
    """Returns whether a pooler answers: its clients see another process id than the server's."""
    shown = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return bool(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() != shown)


def setting(connection: sa.Connection, name: str) -> str:
    value: str = connection.execute(sa.text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
    return value


def set_timeouts(connection: sa.Connection, timeouts: dict[str, str], *, for_session: bool = True) -> None:
    statement = sa.text("SELECT set_config(:name, :value, :is_local)")
    for name, value in timeouts.items():
        connection.execute(statement, {"name": name, "value": value, "is_local": not for_session})
