"""Helpers that the queries share: times as integers, rows as structs, and statements written as SQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from typing import cast as typing_cast

import psycopg
from sqlalchemy import BigInteger, CollectionAggregate, ColumnElement, Connection, Text, any_, cast, func, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

T = TypeVar("T")
BIGINTS = ARRAY(BigInteger)
TEXTS = ARRAY(Text)
# Queries for changes since some time look this far back: clocks of servers differ, and a change is visible only after
# its commit.
COMMIT_MARGIN_MS = 10_000


def moment(ms: int) -> datetime:
    """Returns milliseconds since 1970 as an aware datetime."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def ms_of(column: str) -> str:
    """Returns SQL for a timestamptz column as ms since 1970.

    ``date_part`` returns float8, which takes a tenth of the time of ``extract``, which returns numeric.
    """
    return f"CAST(date_part('epoch', {column}) * 1000 AS bigint)"


def as_ms(column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]) -> ColumnElement[int]:
    """Returns the column of a model as ms since 1970; the same SQL as ``ms_of``."""
    return cast(func.date_part("epoch", column) * 1000, BigInteger)


def any_of(ids: Collection[int]) -> CollectionAggregate[Any]:
    """Returns the right side of ``column == any_of(ids)``.

    All ids are one parameter, so every number of ids has the same statement. ``in_`` renders one parameter per id.
    """
    return any_(literal(list(ids), BIGINTS))


def any_text(texts: Collection[str]) -> CollectionAggregate[Any]:
    """Returns the same for texts."""
    return any_(literal(list(texts), TEXTS))


def structs(kind: type[T], rows: Iterable[Any]) -> list[T]:
    """Returns each row as a ``kind``, whose fields must be in the order of the row's columns."""
    return [kind(*row) for row in rows]


def first(kind: type[T], row: Any | None) -> T | None:
    """Returns the row as a ``kind``, or None if there is no row."""
    return None if row is None else kind(*row)


def driver(conn: Connection) -> psycopg.Connection[tuple[Any, ...]]:
    """Returns psycopg's own connection under SQLAlchemy's, in the same transaction."""
    return typing_cast("psycopg.Connection[tuple[Any, ...]]", conn.connection.driver_connection)


@contextmanager
def pipelined(conn: Connection) -> Iterator[None]:
    """Within the block, ``HotStatement.send`` waits for no answer, so that many statements cost one round trip.

    Errors of a statement are raised by a later one or at the end of the block (psycopg's pipeline mode).
    """
    with driver(conn).pipeline():
        yield


class HotStatement:
    """A statement with ``:named`` parameters that runs on psycopg's own cursor and is prepared on first use.

    Compared with ``conn.execute``, this saves 0.1 ms per call and 3.5 µs per row: half the cost of a page of history.
    ``binary`` is for columns of bytes, which Postgres would otherwise send in hex. Parameters that the statement does
    not name are ignored.
    """

    def __init__(self, statement: str, *, binary: bool = False) -> None:
        self._binary = binary
        self.text = re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement.replace("%", "%%"))
        self._bytes = self.text.encode()

    def rows(self, conn: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Runs the statement and returns its rows."""
        return driver(conn).execute(self._bytes, values, prepare=True, binary=self._binary).fetchall()

    def row(self, conn: Connection, **values: Any) -> tuple[Any, ...] | None:
        """Runs the statement and returns its first row, or None."""
        return next(iter(self.rows(conn, **values)), None)

    def send(self, conn: Connection, **values: Any) -> None:
        """Runs a statement whose result nobody needs. In a ``pipelined`` block, it may run later, but in order."""
        driver(conn).execute(self._bytes, values, prepare=True)

    def run(self, conn: Connection, **values: Any) -> int:
        """Runs a statement that returns no rows, not in a ``pipelined`` block. Returns how many rows it changed."""
        return driver(conn).execute(self._bytes, values, prepare=True).rowcount


class OneForm(HotStatement):
    """A statement that runs only with one Postgres. Distributed conversations have other forms (distribution.py)."""
