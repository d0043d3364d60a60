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


def is_pooled(connection: sa.Connection) -> bool:
    """Returns whether a pooler answers: it shows its clients another process id than that of the server."""
    shown = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return bool(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one() != shown)


def setting(connection: sa.Connection, name: str) -> str:
    value: str = connection.execute(sa.text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
    return value


def set_timeouts(connection: sa.Connection, timeouts: dict[str, str], *, for_session: bool = True) -> None:
    statement = sa.text("SELECT set_config(:name, :value, :is_local)")
    for name, value in timeouts.items():
        connection.execute(statement, {"name": name, "value": value, "is_local": not for_session})
