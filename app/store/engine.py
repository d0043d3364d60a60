"""The engine, and the one place where "the store does not answer" becomes ``Overloaded``.

Invariants:

* No wait is without a bound. Postgres' own timeouts bound what it works on; ``_BoundedConnection`` bounds the
  wait for an answer that never comes (a stopped process, a dead host), which no server-side timeout can.
* Once the store was found down, calls fail at once for ``RETRY_SECONDS``; then one caller tries, and the
  others go on failing until it has succeeded. So a dead store costs a request microseconds, not a pool slot
  for seconds.
* psycopg waits in Python's own ``select`` when gevent has patched it, so greenlets yield; nothing here is
  imported before the patch by anyone but ``wsgi.py`` after it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.pool import PoolProxiedConnection

from app.config import Settings
from app.core.errors import Overloaded

RV = TypeVar("RV")

RETRY_SECONDS = 1.0
# Shares of db_timeout_seconds: a wait for a pooled connection and one for an answer together stay below it.
POOL_SHARE, STATEMENT_SHARE, ANSWER_SHARE, LOCK_SHARE = 0.4, 0.4, 0.5, 0.3
# Beginnings of SQLSTATE: no connection, shutting down or starting, no such database, no entry.
DOWN = ("08", "57P", "3D", "28")
# Deadlock or serialisation, no resources (disk, connections), lock timeout, cancelled by a timeout, I/O,
# failed over.
NOT_NOW = ("40", "53", "55", "57", "58", "25006")


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait for an answer exceeds ``answer_seconds``."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            # The answer may still come: nobody may read it as that of another statement.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class _Availability:
    """Whether the store answered last time. Shared by all greenlets or threads of the process."""

    def __init__(self, probe_seconds: float = 5.0) -> None:
        self._probe_seconds = probe_seconds
        self._closed_until: float | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise Overloaded while the store is known to be down and this caller is not the one that tries."""
        if self._closed_until is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._closed_until is not None and now < self._closed_until:
                raise Overloaded("The store does not answer.", retry_after=RETRY_SECONDS)
            self._closed_until = now + self._probe_seconds  # this caller tries; the others wait for its result

    def failed(self) -> None:
        with self._lock:
            self._closed_until = time.monotonic() + RETRY_SECONDS

    def answered(self) -> None:
        self._closed_until = None

    def not_known(self) -> None:
        """Whoever tried has learned nothing: the next caller tries."""
        if self._closed_until is not None:
            self._closed_until = 0.0


_AVAILABILITY: WeakKeyDictionary[Engine, _Availability] = WeakKeyDictionary()


READ_OR_ONE_STATEMENT = "AUTOCOMMIT"


def create_engine(settings: Settings, *, timeout_seconds: float | None = None) -> Engine:
    """An engine whose every failure to reach Postgres shows within ``timeout_seconds`` (db_timeout_seconds).

    A worker that may wait longer for a slow commit than a person for an answer gives its own
    ``timeout_seconds``.
    """
    seconds = settings.db_timeout_seconds if timeout_seconds is None else timeout_seconds
    engine = sqlalchemy_engine(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=0,
        pool_timeout=seconds * POOL_SHARE,
        pool_use_lifo=True,  # the newest stay warm, and the rest age out at the server's side
        connect_args=_connect_args(settings, seconds),
        use_native_hstore=False,  # one query less at the first connection
        # What a connection is lent out as mostly; switched for `writing`. The other way round each read would switch
        # it there and back (60 µs).
        isolation_level=READ_OR_ONE_STATEMENT,
        skip_autocommit_rollback=True,
    )
    _AVAILABILITY[engine] = _Availability(seconds)
    event.listen(engine, "do_connect", _connector(seconds * ANSWER_SHARE))
    event.listen(engine, "checkout", _check_alive)
    return engine


def _connect_args(settings: Settings, seconds: float) -> dict[str, Any]:
    options = {
        "statement_timeout": int(seconds * STATEMENT_SHARE * 1000),
        "lock_timeout": int(seconds * LOCK_SHARE * 1000),
        "idle_in_transaction_session_timeout": int(seconds * 10 * 1000),
        # The queries of app/store want the same plan for every value: it is made once a connection, not once
        # a call (40 -> 28 µs a message in the drain), and does not turn over when a table grows.
        "plan_cache_mode": "force_generic_plan",
        # A plan made while a table was small must not keep scanning it when it is not; every query has its
        # index.
        "enable_seqscan": "off",
        "jit": "off",
    }
    return {
        "application_name": "parley",
        "connect_timeout": max(2, int(seconds * POOL_SHARE)),  # libpq knows no less than 2
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(seconds * 1000),
        # Behind a pooler that gives each transaction another server connection (pgbouncer < 1.21) prepared
        # statements do not exist where they are looked for.
        "prepare_threshold": 5 if settings.db_prepared_statements else None,
        # pgbouncer refuses these unless told: ignore_startup_parameters = options. Set them on the role then.
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }


def _connector(answer_seconds: float) -> Any:
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> _BoundedConnection:
        connection = _BoundedConnection.connect(*args, **kwargs)
        connection.answer_seconds = answer_seconds
        return connection

    return connect


def _check_alive(connection: Any, _record: Any, _proxy: PoolProxiedConnection) -> None:
    """Notice a server that went away while the connection was idle, without a round trip (2 µs, a ping
    60–200).

    The server's farewell and the end of the stream are already in the socket: the first look takes the one,
    the second the other. All pooled connections are then taken for dead, since they went the same way.
    """
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError as error:
        raise exc.InvalidatePoolError("the server closed the connection") from error


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement is its own transaction: one round trip for what is one statement.

    Raises ``Overloaded`` within the engine's timeout where the store does not answer or has no time. A write
    that ended so may still have been committed.
    """
    with _translated(engine), engine.connect() as connection:
        yield connection


reading = autocommit  # reads need no transaction around them: the name says what a caller means to do


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in one transaction, committed at the end of the block and rolled back on an exception.

    Raises ``Overloaded`` as ``reading`` does. After it the transaction may still have been committed, if the
    reply to the commit was what was lost: what is written must be safe to write again. Errors of the data
    itself (``sqlalchemy.exc.DataError``, ``IntegrityError``, ``ProgrammingError``) are not translated.
    """
    with _translated(engine), engine.connect() as pooled:
        connection = pooled.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            yield connection


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    availability = _availability_of(engine)
    availability.check()
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        if _is_down(error):
            availability.failed()
            raise Overloaded("The store does not answer.", retry_after=RETRY_SECONDS) from error
        availability.answered()
        if _is_not_now(error):
            raise Overloaded("The store has no time.", retry_after=RETRY_SECONDS) from error
        raise
    except exc.TimeoutError as error:  # every pooled connection is in use: this says nothing of the store itself
        availability.not_known()
        raise Overloaded("The store has no time.", retry_after=RETRY_SECONDS) from error
    except BaseException:
        availability.not_known()
        raise
    availability.answered()


def _availability_of(engine: Engine) -> _Availability:
    availability = _AVAILABILITY.get(engine)
    if availability is None:
        availability = _AVAILABILITY.setdefault(engine, _Availability())
    return availability


def _is_down(error: exc.DBAPIError | psycopg.Error) -> bool:
    cause, state = _cause(error)
    unreachable = isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))
    return unreachable and (state is None or state.startswith(DOWN))


def _is_not_now(error: exc.DBAPIError | psycopg.Error) -> bool:
    return (_cause(error)[1] or "").startswith(NOT_NOW)


def _cause(error: exc.DBAPIError | psycopg.Error) -> tuple[BaseException | None, str | None]:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return cause, getattr(cause, "sqlstate", None)
