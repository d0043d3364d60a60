"""The engine. This is the only place where an unreachable or overloaded Postgres becomes ``Overloaded``.

Invariants:

* Every wait has a bound. Postgres' own timeouts bound the work that it does. ``BoundedConnection`` bounds the wait for
  an answer that never comes (a stopped process, a dead host), which no timeout of the server can.
* After Postgres was found down, calls fail at once for ``RETRY_SECONDS``. Then one caller tries, and the others go on
  failing until it succeeds. So a dead Postgres costs each request microseconds instead of a pool slot for seconds.
* psycopg waits in Python's own ``select``, which gevent patches, so greenlets yield. ``wsgi.py`` patches before it
  imports this module.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.pool import PoolProxiedConnection

from app.config import Settings
from app.core.errors import Overloaded
from app.store.connections import POOL_SHARE, Connector, connect_args
from app.store.idle_pool import IdlePool

RV = TypeVar("RV")

RETRY_SECONDS = 1.0
PAUSES = (0.2, 0.8, 3.2, 12.8)
# Prefixes of SQLSTATE: connection failure, server shutting down or starting, no such database, authentication failure.
DOWN = ("08", "57P", "3D", "28")
# Deadlock or serialisation failure, no resources (disk, connections), lock timeout, cancelled by a timeout, I/O error,
# read-only after a failover, transaction ended because it was idle or lasted too long.
OVERLOADED = ("40", "53", "55", "57", "58", "25006", "25P03", "25P04")


class _Availability:
    """Remembers whether Postgres was reachable last time. All greenlets or threads of the process share it."""

    def __init__(self, probe_seconds: float = 5.0) -> None:
        self._probe_seconds = probe_seconds
        self._closed_until: float | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raises Overloaded if Postgres is down and it is not this caller's turn to try."""
        if self._closed_until is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._closed_until is not None and now < self._closed_until:
                raise Overloaded("Postgres cannot be reached.", retry_after=RETRY_SECONDS)
            self._closed_until = now + self._probe_seconds  # this caller tries; the others fail until it is done

    def mark_down(self) -> None:
        with self._lock:
            self._closed_until = time.monotonic() + RETRY_SECONDS

    def mark_up(self) -> None:
        self._closed_until = None

    def mark_unknown(self) -> None:
        """The attempt showed nothing about Postgres, so the next caller tries."""
        if self._closed_until is not None:
            self._closed_until = 0.0


_AVAILABILITY: WeakKeyDictionary[Engine, _Availability] = WeakKeyDictionary()


READ_OR_ONE_STATEMENT = "AUTOCOMMIT"


def create_engine(settings: Settings, *, timeout_seconds: float | None = None, url: str = "") -> Engine:
    """Returns an engine that reports each failure to reach Postgres within ``timeout_seconds``.

    The default is ``db_timeout_seconds``. Workers pass their own value: they may wait longer for a slow commit than a
    person waits for an answer. ``url`` replaces ``database_url``.
    """
    seconds = settings.db_timeout_seconds if timeout_seconds is None else timeout_seconds
    engine = sqlalchemy_engine(
        url or settings.database_url,
        poolclass=IdlePool,
        pool_size=settings.db_pool_size,
        max_overflow=0,
        pool_timeout=seconds * POOL_SHARE,
        pool_use_lifo=True,  # the most recently used connections stay warm
        connect_args=connect_args(seconds, prepared=settings.db_prepared_statements),
        use_native_hstore=False,  # saves a query on the first connection
        # Most checkouts need this level; `writing` switches it. With the other default, each read would switch it twice
        # (60 µs).
        isolation_level=READ_OR_ONE_STATEMENT,
        skip_autocommit_rollback=True,
    )
    _AVAILABILITY[engine] = _Availability(seconds)
    event.listen(engine, "do_connect", Connector(seconds, settings.db_plan_cache_mode))
    event.listen(engine, "checkout", _check_alive)
    return engine


def _check_alive(connection: Any, _record: Any, _proxy: PoolProxiedConnection | None) -> None:
    """Detects without a round trip that the server closed an idle connection (2 µs; a ping takes 60–200 µs).

    The server's last message and the end of the stream are already in the socket: the first call reads the message, the
    second one the end. All pooled connections are then invalidated, because they ended for the same reason.
    """
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError as error:
        raise exc.InvalidatePoolError("the server closed the connection") from error


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """Yields a connection on which each statement is its own transaction, so that a single statement is one round trip.

    Raises ``Overloaded`` within the engine's timeout if Postgres cannot be reached or is overloaded. A write that ended
    this way may still have been committed.
    """
    with _translated(engine), engine.connect() as connection:
        yield connection


reading = autocommit  # reads need no transaction; the other name shows the caller's intention


class KeptConnection:
    """A connection that one loop keeps between its statements. Borrowing one each time costs 0.1 ms, a third of the
    client's work for a small batch. Not thread-safe.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._kept: Connection | None = None

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """Does what ``autocommit`` does. After an exception, the connection is not kept."""
        with _translated(self.engine):
            connection, self._kept = self._kept, None
            if connection is not None and _has_ended(connection):
                connection.close()
                connection = None
            connection = connection or self.engine.connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            self._kept = connection

    def release(self) -> None:
        """Gives the connection back. Call it before other uses of the engine, whose pool may have only one."""
        connection, self._kept = self._kept, None
        if connection is not None:
            connection.close()


def _has_ended(connection: Connection) -> bool:
    try:
        _check_alive(connection.connection.driver_connection, None, None)
    except exc.InvalidatePoolError:
        connection.invalidate()
        return True
    return False


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yields a connection in a transaction, which is committed at the end of the block and rolled back on an exception.

    Raises ``Overloaded`` as ``reading`` does. If the reply to the commit was lost, the transaction may have been
    committed nevertheless, so writes must be safe to repeat. Errors in the data itself (``DataError``,
    ``IntegrityError`` and ``ProgrammingError``, from SQLAlchemy or from psycopg) are not translated.
    """
    with _translated(engine), engine.connect() as pooled:
        connection = pooled.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            yield connection


def write_patiently(engine: Engine, write: Callable[[Connection], RV]) -> RV:
    """Returns the result of ``write`` in a transaction. While Postgres is overloaded, tries again, five times in about
    17 seconds; then raises Overloaded. ``write`` must be safe to repeat.
    """
    for pause in PAUSES:
        try:
            with writing(engine) as connection:
                return write(connection)
        except Overloaded:
            time.sleep(pause)
    with writing(engine) as connection:
        return write(connection)


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    availability = _availability_of(engine)
    availability.check()
    try:
        yield
    except (exc.DBAPIError, psycopg.Error) as error:
        if is_down(error):
            availability.mark_down()
            raise Overloaded("Postgres cannot be reached.", retry_after=RETRY_SECONDS) from error
        availability.mark_up()
        if _is_overloaded(error):
            raise Overloaded("Postgres is overloaded.", retry_after=RETRY_SECONDS) from error
        raise
    except exc.TimeoutError as error:  # all pooled connections are in use, which shows nothing about Postgres
        availability.mark_unknown()
        raise Overloaded("Postgres is overloaded.", retry_after=RETRY_SECONDS) from error
    except BaseException:
        availability.mark_unknown()
        raise
    availability.mark_up()


def _availability_of(engine: Engine) -> _Availability:
    availability = _AVAILABILITY.get(engine)
    if availability is None:
        availability = _AVAILABILITY.setdefault(engine, _Availability())
    return availability


def is_down(error: exc.DBAPIError | psycopg.Error) -> bool:
    """Returns whether the error shows that Postgres cannot be reached."""
    cause, state = _cause(error)
    unreachable = isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))
    return unreachable and (state is None or state.startswith(DOWN))


def _is_overloaded(error: exc.DBAPIError | psycopg.Error) -> bool:
    return (_cause(error)[1] or "").startswith(OVERLOADED)


def _cause(error: exc.DBAPIError | psycopg.Error) -> tuple[BaseException | None, str | None]:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return cause, getattr(cause, "sqlstate", None)
