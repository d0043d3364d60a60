"""The epoch: the number of the current history of Redis.

The transaction that raises it holds the row's lock until it commits. Every batch of a drain takes the same lock and
checks the number first. So once a new epoch is visible, nothing of an older epoch can be stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import Connection, Engine

from app.store.engine import writing
from app.store.sql import HotStatement, ms_of


class StaleEpochError(Exception):
    """A newer epoch has begun. The batch belongs to a lost history, and nothing of it was stored."""


class StoredEpoch(Struct, frozen=True):
    number: int
    started_ms: int


_READ = HotStatement(f"SELECT epoch, {ms_of('started_at')} FROM log_state WHERE id = 1")
_BUMP = HotStatement("UPDATE log_state SET epoch = epoch + 1, started_at = now() WHERE id = 1 RETURNING epoch")
# Runs once per Redis loss. A scan (0.1 s per million conversations) is cheaper than an index on a column that changes
# all the time.
_GREATEST_VERSION = HotStatement("SELECT coalesce(max(version), 0) FROM conversations")
_FENCE = HotStatement("SELECT epoch FROM log_state WHERE id = 1 FOR NO KEY UPDATE")


def read_epoch(conn: Connection) -> StoredEpoch:
    return StoredEpoch(*_READ.rows(conn)[0])


def bump_epoch(conn: Connection) -> tuple[int, int]:
    """Begins a new epoch. Returns it and the greatest stored version. Blocks all drains until the transaction ends."""
    [(epoch,)] = _BUMP.rows(conn)
    return epoch, greatest_version(conn)


def greatest_version(conn: Connection) -> int:
    """Returns the greatest stored version."""
    [(version,)] = _GREATEST_VERSION.rows(conn)
    return int(version)


@contextmanager
def next_epoch(engine: Engine) -> Iterator[tuple[int, int]]:
    """Opens a transaction in which the epoch is raised. It commits if the block ends without an error."""
    with writing(engine) as conn:
        yield bump_epoch(conn)


def check_epoch(conn: Connection, epoch: int) -> None:
    """Raises StaleEpochError unless ``epoch`` is the current one, and keeps it current until the transaction ends."""
    [(current,)] = _FENCE.rows(conn)
    if current != epoch:
        raise StaleEpochError
