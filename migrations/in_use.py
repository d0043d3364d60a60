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
    """Runs each statement in its own transaction with long timeouts, and restores the timeouts for later migrations."""
    with op.get_context().autocommit_block():
        before = {name: setting(name) for name in ("lock_timeout", "statement_timeout")}
        set_timeouts({"lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT})
        try:
            yield
        finally:
            set_timeouts(before)


def setting(name: str) -> str:
    value: str = op.get_bind().execute(sa.text("SELECT current_setting(:name)"), {"name": name}).scalar_one()
    return value


def set_timeouts(timeouts: dict[str, str]) -> None:
    for name, value in timeouts.items():
        op.get_bind().execute(sa.text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
