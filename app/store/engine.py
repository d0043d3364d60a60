"""The engine. This is the only place where an unreachable or overloaded Postgres becomes ``Overloaded``.

Invariants:

* Every wait has a bound. Postgres' own timeouts bound the work that it does. ``_BoundedConnection`` bounds the wait for
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
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event, exc
from sqlalchemy import create_engine as sqlalchemy_engine
from sqlalchemy.pool import PoolProxiedConnection

from app.config import Settings
from app.core.errors import Overloaded

RV = TypeVar("RV")

RETRY_SECONDS = 1.0
IDLE_SECONDS = 15.0
PAUSES = (0.2, 0.8, 3.2, 12.8)
# Shares of db_timeout_seconds. The waits for a pooled connection and for an answer together stay below it.
POOL_SHARE, STATEMENT_SHARE, ANSWER_SHARE, LOCK_SHARE = 0.4, 0.4, 0.5, 0.3
# Prefixes of SQLSTATE: connection failure, server shutting down or starting, no such database, authentication failure.
DOWN = ("08", "57P", "3D", "28")
# Deadlock or serialisation failure, no resources (disk, connections), lock timeout, cancelled by a timeout, I/O error,
# read-only after a failover, transaction ended because it was idle or lasted too long.
OVERLOADED = ("40", "53", "55", "57", "58", "25006", "25P03", "25P04")


class _BoundedConnection(psycopg.Connection[Any]):
    """A connection on which no wait for an answer takes longer than ``answer_seconds``."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            # The answer may still arrive. On an open connection, it would be read as that of another statement.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


class _Availability:
    """Remembers if Postgres was reachable last time. All greenlets or threads of the process share it."""

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


def create_engine(settings: Settings, *, timeout_seconds: float | None = None) -> Engine:
    """Returns an engine that reports each failure to reach Postgres within ``timeout_seconds``.

    The default is ``db_timeout_seconds``. Workers pass their own value: they may wait longer for a slow commit than a
    person waits for an answer.
    """
    seconds = settings.db_timeout_seconds if timeout_seconds is None else timeout_seconds
    engine = sqlalchemy_engine(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=0,
        pool_timeout=seconds * POOL_SHARE,
        pool_use_lifo=True,  # the most recently used connections stay warm
        connect_args=_connect_args(settings, seconds),
        use_native_hstore=False,  # saves a query on the first connection
        # Most checkouts need this level; `writing` switches it. With the other default, each read would switch it twice
        # (60 µs).
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
        # A drain that is frozen within a transaction holds the epoch's row, and with it every ack, for this long.
        "idle_in_transaction_session_timeout": int(IDLE_SECONDS * 1000),
        # The queries of app/store need the same plan for all values. A generic plan is made once per connection instead
        # of once per call (28 instead of 40 µs per message in the drain), and does not change when a table grows.
        "plan_cache_mode": "force_generic_plan",
        # A plan that was made while a table was small must not scan it after it grew. Every query has an index.
        "enable_seqscan": "off",
        "jit": "off",
    }
    return {
        "application_name": "parley",
        "connect_timeout": max(2, int(seconds * POOL_SHARE)),  # libpq's minimum is 2
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(seconds * 1000),
        # Must be off behind a pooler that gives each transaction another server connection (pgbouncer < 1.21): the
        # prepared statements exist only on the connection that prepared them.
        "prepare_threshold": 5 if settings.db_prepared_statements else None,
        # pgbouncer rejects these unless it has ignore_startup_parameters = options. Set them on the role in that case.
        "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
    }


def _connector(answer_seconds: float) -> Any:
    def connect(_dialect: Any, _record: Any, args: Any, kwargs: Any) -> _BoundedConnection:
        connection = _BoundedConnection.connect(*args, **kwargs)
        connection.answer_seconds = answer_seconds
        return connection

    return connect


def _check_alive(connection: Any, _record: Any, _proxy: PoolProxiedConnection) -> None:
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


reading = autocommit  # reads need no transaction; the name shows the caller's intention


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
        if _is_down(error):
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


def _is_down(error: exc.DBAPIError | psycopg.Error) -> bool:
    cause, state = _cause(error)
    unreachable = isinstance(cause, (psycopg.OperationalError, psycopg.InterfaceError))
    return unreachable and (state is None or state.startswith(DOWN))


def _is_overloaded(error: exc.DBAPIError | psycopg.Error) -> bool:
    return (_cause(error)[1] or "").startswith(OVERLOADED)


def _cause(error: exc.DBAPIError | psycopg.Error) -> tuple[BaseException | None, str | None]:
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return cause, getattr(cause, "sqlstate", None)
