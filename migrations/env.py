"""Runs the migrations: ``alembic upgrade head``, in the release phase, while the previous release still
serves.

* A session advisory lock lets one run at a time work; a second one waits for it, then finds nothing left to
  do.
* ``lock_timeout`` is short: a statement that waits for a table's lock holds up all that comes after it, so it
  gives up and the release fails harmlessly. ``statement_timeout`` bounds a rewrite that somebody did not
  expect.
* Nothing of app/store is imported: a migration must do the same in a year, when the models have moved on.
"""

from __future__ import annotations

import os
import time
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from app.config import normalise_database_url

LOCK_KEY = 0x5041524C4559  # "PARLEY"
WAIT_FOR_OTHER_RELEASE_SECONDS = 600
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "300s"


def database_url() -> str:
    """The address given by a caller of alembic's API, else DATABASE_URL."""
    url = context.config.attributes.get("database_url") or os.environ.get("DATABASE_URL", "")
    if not url:
        raise SystemExit("DATABASE_URL is not set: there is no database to migrate.")
    return normalise_database_url(url)


def set_timeouts(connection: Connection, lock: str, statement: str) -> None:
    for name, value in (("lock_timeout", lock), ("statement_timeout", statement)):
        connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})


def wait_for_other_release(connection: Connection) -> None:
    """Asks again and again: a statement that waits is one that an index built concurrently would wait for."""
    deadline = time.monotonic() + WAIT_FOR_OTHER_RELEASE_SECONDS
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}).scalar_one():
        connection.commit()
        if time.monotonic() > deadline:
            raise SystemExit("Another release is still at its migrations.")
        time.sleep(0.2)


def run(connection: Connection) -> None:
    wait_for_other_release(connection)
    set_timeouts(connection, context.config.attributes.get("lock_timeout", LOCK_TIMEOUT), STATEMENT_TIMEOUT)
    connection.commit()  # settings and lock belong to the session; each migration has its own transaction
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    if context.is_offline_mode():
        raise SystemExit("Offline mode is not supported: the migrations talk to the database.")
    if context.config.config_file_name and context.config.attributes.get("configure_logging", True):
        fileConfig(context.config.config_file_name, disable_existing_loggers=False)
    # Closing the connection ends the session, and with it the advisory lock, however this ends.
    engine = create_engine(
        database_url(),
        poolclass=pool.NullPool,
        connect_args={"connect_timeout": 10, "application_name": "parley-migrate", "prepare_threshold": None},
    )
    with engine.connect() as connection:
        run(connection)


main()
