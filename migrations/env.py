"""Runs the migrations (``alembic upgrade head``) in the release phase, while the previous release still serves.

* A session advisory lock lets one run work at a time. A second run waits for it, and then finds nothing left to do.
* ``lock_timeout`` is short. A statement that waits for a table's lock blocks all statements after it; with the timeout,
  the release fails without harm instead. ``statement_timeout`` bounds a table rewrite that nobody expected.
* Nothing is imported from app/store. A migration must do the same in a year, when the models are different.
"""

from __future__ import annotations

import os
import time
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from app.config_values import normalise_database_url

LOCK_KEY = 0x5041524C4559  # "PARLEY"
WAIT_FOR_OTHER_RELEASE_SECONDS = 600
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "300s"


def database_url() -> str:
    """Returns the address that a caller of Alembic's API passed, or else DATABASE_URL."""
    url = context.config.attributes.get("database_url") or os.environ.get("DATABASE_URL", "")
    if not url:
        raise SystemExit("DATABASE_URL is not set, so there is no database to migrate.")
    return normalise_database_url(url)


def set_timeouts(connection: Connection, lock: str, statement: str) -> None:
    for name, value in (("lock_timeout", lock), ("statement_timeout", statement)):
        connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})


def wait_for_other_release(connection: Connection) -> None:
    """Polls for the lock. A concurrent index build would wait for the transaction of a statement that waits for it."""
    deadline = time.monotonic() + WAIT_FOR_OTHER_RELEASE_SECONDS
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}).scalar_one():
        connection.commit()
        if time.monotonic() > deadline:
            raise SystemExit("Another release is still running its migrations.")
        time.sleep(0.2)


def run(connection: Connection) -> None:
    wait_for_other_release(connection)
    set_timeouts(connection, context.config.attributes.get("lock_timeout", LOCK_TIMEOUT), STATEMENT_TIMEOUT)
    connection.commit()  # settings and lock belong to the session, and each migration has its own transaction
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if context.is_offline_mode():
        raise SystemExit("Offline mode is not supported, because the migrations read from the database.")
    if context.config.config_file_name and context.config.attributes.get("configure_logging", True):
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    # In every case, closing the connection ends the session and thereby the advisory lock.
    engine = create_engine(
        database_url(),
        poolclass=pool.NullPool,
        connect_args={"connect_timeout": 10, "application_name": "parley-migrate", "prepare_threshold": None},
    )
    with engine.connect() as connection:
        run(connection)


main()
