"""Reads from a replica, which relieve the primary and miss nothing.

Invariant: a read on the replica sees everything that was committed on the primary when the read began. The position in
the write-ahead log proves it, because it covers every write: messages, changes, members, profiles. The read first takes
the primary's position. Then it waits until the replica has replayed everything up to that position, on the connection
that it then uses. So callers may read the unstored tail of the log first, as with the primary (docs/message-path.md,
"Resuming").

The primary answers if the replica lags by more than the bound, does not answer, or fails within a read. For a moment
after that, it answers at once; then one caller tries the replica again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine, exc, text

from app.core.errors import Overloaded
from app.store.engine import is_down, reading

T = TypeVar("T")
Open = Callable[[], AbstractContextManager[Connection]]

log = logging.getLogger("parley.store")

RETRY_SECONDS = {"behind": 1.0, "away": 5.0, "unfit": 30.0}
SHORTEST_PAUSE, LONGEST_PAUSE = 0.001, 0.02

# A commit is visible only when it is on disk. The part of the log that is not on disk yet is not sent to the replica
# either, so waiting for it would take up to wal_writer_delay (0.2 s).
_POSITION = text("SELECT CAST(pg_current_wal_flush_lsn() AS text)")
_HAS_REPLAYED = text("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)")
_CLUSTER = text("SELECT system_identifier FROM pg_control_system()")


class Outcome(StrEnum):
    """Which server answered a read: the replica, or the primary and why."""

    REPLICA = "replica"
    BEHIND = "behind"
    AWAY = "away"
    UNFIT = "unfit"  # no replica of this primary
    FAILED = "failed"  # only this read: a conflict with the replay, no free connection, a statement that took too long


class _Unusable(Exception):
    """This read must go to the primary."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Replica:
    """The state of the replica, as this process knows it. All its greenlets or threads share it."""

    def __init__(self, engine: Engine, primary: Engine, *, max_lag_seconds: float) -> None:
        self.engine = engine
        self._primary = primary
        self._max_lag_seconds = max_lag_seconds
        self._lock = threading.Lock()
        self._retry_at = 0.0
        self.outcome = Outcome.REPLICA
        self._is_checked = False

    def is_promising(self) -> bool:
        """Returns whether this caller should try the replica. After a failure, lets one caller at a time try."""
        if self.outcome is Outcome.REPLICA:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            self._retry_at = now + RETRY_SECONDS[self.outcome]
            return True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yields a connection to the replica that has everything that the primary has now.

        Raises _Unusable if there is none, or if the replica fails within the block; Overloaded if the primary does.
        """
        with reading(self._primary) as primary:
            position = primary.execute(_POSITION).scalar_one()
            cluster = None if self._is_checked else primary.execute(_CLUSTER).scalar_one()
        try:
            with reading(self.engine) as connection:
                self._wait(connection, position, cluster)
                self._note(Outcome.REPLICA)
                yield connection
        except _Unusable as unusable:
            self._note(unusable.outcome)
            raise
        except (Overloaded, exc.SQLAlchemyError, psycopg.Error) as error:
            outcome = _outcome_of(error)
            if outcome is None:
                raise
            if outcome is Outcome.AWAY:
                self._note(outcome)
            raise _Unusable(outcome) from error

    def _wait(self, connection: Connection, position: str, cluster: int | None) -> None:
        if cluster is not None and connection.execute(_CLUSTER).scalar_one() != cluster:
            raise _Unusable(Outcome.UNFIT)
        deadline, pause = time.monotonic() + self._max_lag_seconds, SHORTEST_PAUSE
        while True:
            in_recovery, has_replayed = connection.execute(_HAS_REPLAYED, {"position": position}).one()
            if not in_recovery:
                raise _Unusable(Outcome.UNFIT)
            if has_replayed:
                return
            if time.monotonic() >= deadline:
                raise _Unusable(Outcome.BEHIND)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, outcome: Outcome) -> None:
        if outcome is Outcome.REPLICA and self._is_checked:
            return
        if outcome is not self.outcome:
            log.warning("%s", "the replica answers again" if outcome is Outcome.REPLICA else self.describe(outcome))
        with self._lock:
            self.outcome = outcome
            self._is_checked = outcome is Outcome.REPLICA  # after a failure, another server may have the address
            self._retry_at = time.monotonic() + RETRY_SECONDS.get(outcome, 0.0)

    def describe(self, outcome: Outcome) -> str:
        """Returns one sentence for the operator about an outcome other than REPLICA."""
        reasons = {
            Outcome.FAILED: "A read on the replica failed",
            Outcome.BEHIND: f"The replica is more than {self._max_lag_seconds:g} s behind",
            Outcome.AWAY: "The replica does not answer",
            Outcome.UNFIT: "DATABASE_REPLICA_URL is the address of a server that is not a replica of DATABASE_URL",
        }
        return f"{reasons[outcome]}: the primary answers its reads."


class StoreReads:
    """Reads that a replica may answer. Without a replica, the primary answers, and the read costs nothing more."""

    def __init__(self, primary: Engine, replica: Replica | None = None) -> None:
        self._open_primary: Open = partial(reading, primary)
        self._replica = replica
        self._count: Callable[[str], None] = lambda _: None

    def count_with(self, count: Callable[[str], None]) -> None:
        """Calls ``count("replica:<outcome>")`` for each read from now on."""
        self._count = count

    def run(self, work: Callable[[Open], T]) -> T:
        """Returns ``work(open_)``, which reads on connections of ``with open_() as connection``.

        If the replica is not usable or fails half-way, runs ``work`` again from its beginning on the primary. So
        ``work`` must only read. Raises Overloaded as ``reading`` does.
        """
        replica = self._replica
        if replica is None:
            return work(self._open_primary)
        outcome = replica.outcome
        if replica.is_promising():
            try:
                result = work(replica.reading)
            except _Unusable as unusable:
                outcome = unusable.outcome
            else:
                self._count(f"replica:{Outcome.REPLICA}")
                return result
        self._count(f"replica:{outcome}")
        return work(self._open_primary)

    def problem(self) -> str | None:
        """Tries the replica, and returns one sentence if it is not usable. None if all is well or there is no replica.

        Raises Overloaded if the primary does not answer.
        """
        if self._replica is None:
            return None
        try:
            with self._replica.reading():
                return None
        except _Unusable as unusable:
            return self._replica.describe(unusable.outcome)

    def close(self) -> None:
        """Closes the pooled connections to the replica. They are opened again on the next use."""
        if self._replica is not None:
            self._replica.engine.dispose()


def _outcome_of(error: Exception) -> Outcome | None:
    """Returns AWAY or FAILED, or None if something other than the replica raised the error within the block."""
    cause = error.__cause__ if isinstance(error, Overloaded) else error
    if cause is None:  # refused without a try: the replica did not answer a moment ago
        return Outcome.AWAY
    if isinstance(cause, (exc.DBAPIError, psycopg.Error)):
        return Outcome.AWAY if is_down(cause) else Outcome.FAILED
    return Outcome.FAILED if isinstance(cause, exc.SQLAlchemyError) else None
