"""The epoch: the number of the current history of Redis. Each shard has its own, in a row of ``log_state``.

The transaction that raises it holds the row's lock until it commits. Every batch of the shard's drain takes the same
lock and checks the number first. So once a new epoch is visible, nothing of an older epoch can be stored.

A shard that has no row yet gets one with its first epoch. The new row copies the switches of row 1 under that row's
lock, which every change of a switch takes first (log_switches.py). So it misses no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine

from app.core.part import WHOLE, Part
from app.store.engine import writing
from app.store.part_statement import PartStatement
from app.store.sql import HotStatement, ms_of


class StaleEpochError(Exception):
    """A newer epoch has begun. The batch belongs to a lost history, and nothing of it was stored."""


class StoredEpoch(Struct, frozen=True):
    number: int
    started_ms: int


def row_of(part: Part) -> int:
    """Returns the id of the shard's row."""
    return part.number + 1


_READ = HotStatement(f"SELECT epoch, {ms_of('started_at')} FROM log_state WHERE id = :row")
_BUMP = HotStatement("UPDATE log_state SET epoch = epoch + 1, started_at = now() WHERE id = :row RETURNING epoch")
_ADD = HotStatement("""
    INSERT INTO log_state (id, epoch, pushing, feeding)
    SELECT CAST(:row AS smallint), 1, pushing, feeding FROM log_state WHERE id = 1 FOR SHARE
    ON CONFLICT DO NOTHING
""")
# Runs once per Redis loss. A scan (0.1 s per million conversations) is cheaper than an index on a column that changes
# all the time.
_GREATEST_VERSION = PartStatement("SELECT coalesce(max(version), 0) FROM conversations WHERE of_part(id)")
_FENCE = HotStatement("SELECT epoch FROM log_state WHERE id = :row FOR NO KEY UPDATE")


def read_epoch(conn: Connection, part: Part = WHOLE) -> StoredEpoch:
    """Returns the present epoch of the shard with this part."""
    return StoredEpoch(*_row(conn, _READ, part))


def bump_epoch(conn: Connection, part: Part = WHOLE) -> tuple[int, int]:
    """Begins a new epoch. Returns it and the greatest stored version of the part. Blocks the shard's drains until the
    transaction ends.
    """
    [epoch] = _row(conn, _BUMP, part)
    return epoch, greatest_version(conn, part)


def _row(conn: Connection, statement: HotStatement, part: Part) -> tuple[Any, ...]:
    """Runs the statement on the shard's row, and adds that row first if there is none."""
    found = statement.row(conn, row=row_of(part))
    if found is None:
        _ADD.run(conn, row=row_of(part))
        [found] = statement.rows(conn, row=row_of(part))
    return found


def greatest_version(conn: Connection, part: Part = WHOLE) -> int:
    """Returns the greatest stored version of the part's conversations."""
    [(version,)] = _GREATEST_VERSION.rows(conn, part)
    return int(version)


@contextmanager
def next_epoch(engine: Engine, part: Part = WHOLE) -> Iterator[tuple[int, int]]:
    """Opens a transaction in which the epoch is raised. It commits if the block ends without an error."""
    with writing(engine) as conn:
        yield bump_epoch(conn, part)


def check_epoch(conn: Connection, epoch: int, part: Part = WHOLE) -> None:
    """Raises StaleEpochError unless ``epoch`` is the current one, and keeps it current until the transaction ends."""
    if _FENCE.row(conn, row=row_of(part)) != (epoch,):
        raise StaleEpochError
