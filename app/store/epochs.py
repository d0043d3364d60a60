"""The epoch: which history of Redis is the present one.

Whoever counts it up holds the row's lock until it commits; every batch of a drain takes the same lock and
looks at the number first. So once a new epoch is visible, nothing of an older one can still be stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct
from sqlalchemy import Connection, Engine, text

from app.store.engine import writing
from app.store.sql import ms_of


class StaleEpochError(Exception):
    """A newer epoch has begun: what this drain holds belongs to a lost history, and nothing of it was
    stored.
    """


class StoredEpoch(Struct, frozen=True):
    number: int
    started_ms: int


_READ = text(f"SELECT epoch, {ms_of('started_at')} FROM log_state WHERE id = 1")
_BUMP = text("UPDATE log_state SET epoch = epoch + 1, started_at = now() WHERE id = 1 RETURNING epoch")
# Once in a Redis loss: a scan of the conversations (0.1 s a million) is cheaper than an index on what changes
# all the time.
_GREATEST_VERSION = text("SELECT coalesce(max(version), 0) FROM conversations")
_FENCE = text("SELECT epoch FROM log_state WHERE id = 1 FOR NO KEY UPDATE")


def read_epoch(conn: Connection) -> StoredEpoch:
    return StoredEpoch(*conn.execute(_READ).one())


def bump_epoch(conn: Connection) -> tuple[int, int]:
    """Begin a new epoch; ``(epoch, greatest version stored)``. Holds back every drain until the transaction
    ends.
    """
    epoch = conn.execute(_BUMP).scalar_one()
    return epoch, conn.execute(_GREATEST_VERSION).scalar_one()


@contextmanager
def next_epoch(engine: Engine) -> Iterator[tuple[int, int]]:
    """A transaction in which the epoch is counted up; it commits where the block ends without an error."""
    with writing(engine) as conn:
        yield bump_epoch(conn)


def check_epoch(conn: Connection, epoch: int) -> None:
    """Raise StaleEpochError unless ``epoch`` is the present one, and keep it so until the transaction
    ends.
    """
    if conn.execute(_FENCE).scalar_one() != epoch:
        raise StaleEpochError
