"""Runs the migrations (``alembic upgrade head``) in the release phase, while the previous release still serves.

* An advisory lock lets one run work at a time. A second run waits for it, and then finds nothing left to do. A
  transaction of its own holds the lock, so nothing keeps it after the run, not even a server connection of a pooler.
* ``lock_timeout`` is short. A statement that waits for a table's lock blocks all statements after it; with the timeout,
  the release fails without harm instead. ``statement_timeout`` bounds a table rewrite that nobody expected.
* Behind a pooler in transaction mode, both are set in each transaction. Statements outside of transactions then have
  the timeouts of the role, which are too short for a large table. So such a release needs ``DATABASE_DIRECT_URL``.
* Nothing is imported from app/store. A migration must do the same in a year, when the models are different.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, Engine, create_engine, event, pool, text

from app.config_values import normalise_database_url
from migrations.in_use import is_pooled, set_timeouts

LOCK_KEY = 0x5041524C4559  # "PARLEY"
WAIT_FOR_OTHER_RELEASE_SECONDS = 600
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "300s"
NEEDS_DIRECT = (
    "DATABASE_URL is the address of a pooler, and its role has statement_timeout={}, which is too short for migrations."
    " Set DATABASE_DIRECT_URL to the address of Postgres itself for the release."
)


def database_url() -> str:
    """Returns the address that a caller of Alembic's API passed, or else DATABASE_DIRECT_URL or DATABASE_URL."""
    env = os.environ
    url = context.config.attributes.get("database_url") or env.get("DATABASE_DIRECT_URL") or env.get("DATABASE_URL", "")
    if not url:
        raise SystemExit("DATABASE_URL is not set, so there is no database to migrate.")
    return normalise_database_url(url)


@contextmanager
def only_release(engine: Engine) -> Iterator[Connection]:
    """Waits for other releases. Then yields the connection whose transaction holds the lock; it has no snapshot, so
    concurrent index builds do not wait for it. Raises SystemExit after ``WAIT_FOR_OTHER_RELEASE_SECONDS``.
    """
    deadline = time.monotonic() + WAIT_FOR_OTHER_RELEASE_SECONDS
    with engine.connect() as connection:
        # Polls, because a concurrent index build of the other release would wait for a statement that waits.
        while not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK_KEY}).scalar_one():
            connection.rollback()
            if time.monotonic() > deadline:
                raise SystemExit("Another release is still running its migrations.")
            time.sleep(0.2)
        connection.execute(text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)"))
        yield connection


def bound_statements(connection: Connection) -> None:
    """Sets the timeouts of all statements: of the session, or behind a pooler of each transaction."""
    timeouts = {
        "lock_timeout": context.config.attributes.get("lock_timeout", LOCK_TIMEOUT),
        "statement_timeout": STATEMENT_TIMEOUT,
    }
    if is_pooled(connection):
        event.listen(connection, "begin", lambda begun: set_timeouts(begun, timeouts, for_session=False))
    else:
        set_timeouts(connection, timeouts)
    connection.commit()


def check_timeouts(connection: Connection) -> None:
    """Raises SystemExit if there is something to migrate, and statements outside of transactions would be cut short."""
    current = context.get_context().get_current_heads()
    pending = context.script and set(context.script.get_heads()) != set(current)
    if pending and is_pooled(connection):
        timeout = connection.execute(text("SELECT reset_val FROM pg_settings WHERE name = 'statement_timeout'"))
        if (value := timeout.scalar_one()) != "0":
            raise SystemExit(NEEDS_DIRECT.format(f"{value} ms"))
    connection.commit()


def run(connection: Connection, lock: Connection) -> None:
    bound_statements(connection)  # each migration has its own transaction
    # Fails, and with it the migration, if the transaction that holds the lock has ended.
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        on_version_apply=lambda **_: lock.execute(text("SELECT 1")),
    )
    check_timeouts(connection)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if context.is_offline_mode():
        raise SystemExit("Offline mode is not supported, because the migrations read from the database.")
    if context.config.config_file_name and context.config.attributes.get("configure_logging", True):
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    engine = create_engine(
        database_url(),
        poolclass=pool.NullPool,
        connect_args={"connect_timeout": 10, "application_name": "parley-migrate", "prepare_threshold": None},
    )
    with only_release(engine) as lock, engine.connect() as connection:
        run(connection, lock)


main()
