"""How a connection to Postgres is opened, and the settings that every session needs.

A direct connection gets these settings as start-up options. A pooler in transaction mode (pgbouncer) refuses or ignores
such options, because its server connections belong to no client. Behind a pooler, the role has the settings: ``flask
--app wsgi pooler-settings`` stores them, and Postgres gives them to every server connection of the pooler. In neither
case do they cost a round trip per transaction. All processes of one role have the same timeouts there, so workers may
have a role of their own.
"""

from __future__ import annotations

import logging
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, text

from app.config_checks import GENERIC_PLANS

RV = TypeVar("RV")

log = logging.getLogger("parley.store")

APPLICATION_NAME = "parley"
IDLE_SECONDS = 15.0
# The timeout of workers that store, notify or deliver: they may wait longer for a commit than a person for an answer.
WORKER_SECONDS = 10.0
# Shares of a process's timeout. The waits for a pooled connection and for an answer together stay below it.
POOL_SHARE, STATEMENT_SHARE, ANSWER_SHARE, LOCK_SHARE = 0.4, 0.4, 0.5, 0.3
# The end of pgbouncer's error, which has no SQLSTATE of its own.
OPTIONS_REFUSED = "unsupported startup parameter"


class BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait for an answer takes longer than ``answer_seconds``."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            # An error with an SQLSTATE is Postgres' answer. Otherwise the answer may still arrive. On an open
            # connection, it would be taken for the answer to another statement.
            unanswered = self.pgconn.transaction_status == TransactionStatus.ACTIVE or self.pgconn.pipeline_status
            if error.sqlstate is None and unanswered:
                self.pgconn.finish()
            raise


class Connector:
    """Opens the connections of an engine; a listener of SQLAlchemy's ``do_connect``.

    Tries without the session settings if a pooler refuses them, and from then on leaves them out at once.
    """

    def __init__(self, seconds: float, plans: str = GENERIC_PLANS) -> None:
        self._answer_seconds = seconds * ANSWER_SHARE
        self._options = " ".join(f"-c {name}={value}" for name, value in session_settings(seconds, plans).items())
        self._refused = False

    def __call__(self, _dialect: Any, _record: Any, args: Any, kwargs: Any) -> BoundedConnection:
        connection = self._open(args, kwargs)
        connection.answer_seconds = self._answer_seconds
        return connection

    def _open(self, args: Any, kwargs: Any) -> BoundedConnection:
        if not self._refused:
            try:
                return BoundedConnection.connect(*args, **kwargs, options=self._options)
            except psycopg.OperationalError as error:
                if OPTIONS_REFUSED not in str(error):
                    raise
            if not self._refused:  # several connections may be opened at once
                log.info("Postgres is behind a pooler that does not accept settings; those of the role apply")
            self._refused = True
        return BoundedConnection.connect(*args, **kwargs)


def session_settings(seconds: float, plans: str = GENERIC_PLANS) -> dict[str, str]:
    """Returns the settings of a session by name, for calls that must end within ``seconds``. Times are in ms. ``plans``
    is DB_PLAN_CACHE_MODE.
    """
    return {
        "statement_timeout": str(int(seconds * STATEMENT_SHARE * 1000)),
        "lock_timeout": str(int(seconds * LOCK_SHARE * 1000)),
        # A drain that is frozen within a transaction holds the epoch's row, and with it every ack, for this long
        # (frozen_drains.py has the exception).
        "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
        # The queries of app/store need the same plan for all values. A generic plan is made once per connection instead
        # of once per call (28 instead of 40 µs per message in the drain), and does not change when a table grows.
        "plan_cache_mode": plans,
        # A plan that was made while a table was small must not scan it after it grew. Every query has an index.
        "enable_seqscan": "off",
        "jit": "off",
    }


def connect_args(seconds: float, *, prepared: bool) -> dict[str, Any]:
    """Returns psycopg's arguments for connections whose calls must end within ``seconds``."""
    return {
        "application_name": APPLICATION_NAME,
        "connect_timeout": max(2, int(seconds * POOL_SHARE)),  # libpq's minimum is 2
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(seconds * 1000),
        # Must be off behind a pooler that gives each transaction another server connection (pgbouncer < 1.21): the
        # prepared statements exist only on the connection that prepared them.
        "prepare_threshold": 5 if prepared else None,
    }


def missing_settings(conn: Connection, seconds: float, plans: str = GENERIC_PLANS) -> list[str]:
    """Returns the names of the session settings that this connection does not have."""
    wanted = session_settings(seconds, plans)
    statement = text("SELECT name, setting FROM pg_settings WHERE name = ANY(CAST(:names AS text[]))")
    found = {row.name: row.setting for row in conn.execute(statement, {"names": list(wanted)})}
    return [name for name, value in wanted.items() if found.get(name) != value]


def give_role_settings(conn: Connection, seconds: float, plans: str = GENERIC_PLANS) -> None:
    """Stores the session settings as those of the connection's role in its database, for new sessions."""
    for name, value in session_settings(seconds, plans).items():
        _alter_role(conn, sql.SQL("SET {} TO {}").format(sql.Identifier(name), sql.Literal(value)))


def drop_role_settings(conn: Connection) -> None:
    """Removes what ``give_role_settings`` stored."""
    for name in session_settings(1):
        _alter_role(conn, sql.SQL("RESET {}").format(sql.Identifier(name)))


def _alter_role(conn: Connection, change: sql.Composed) -> None:
    database = conn.execute(text("SELECT current_database()")).scalar_one()
    statement = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} {}").format(sql.Identifier(database), change)
    conn.exec_driver_sql(statement.as_string().replace("%", "%%"))
