"""The time of Postgres, for signatures that must be right even if this process's clock is wrong."""

from __future__ import annotations

import time

from sqlalchemy import Connection, Engine, text

from app.core.errors import Overloaded
from app.store.engine import reading

# The monotonic clock stands still while a virtual machine is suspended, so the time is read again now and then.
READ_AGAIN_SECONDS = 60.0
RETRY_SECONDS = 5.0


def read_time(conn: Connection) -> float:
    """Returns Postgres' time in seconds since 1970."""
    return float(conn.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())


class PostgresTime:
    """Reads the time of Postgres once a minute, and in between goes on by the monotonic clock. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._began: float | None = None  # Postgres' time when the monotonic clock was at 0
        self._read_at = 0.0

    def seconds(self) -> int:
        """Returns seconds since 1970. May block, never raises.

        While Postgres does not answer, goes on from its last answer. Without any answer, returns the time of this
        process.
        """
        if time.monotonic() >= self._read_at:
            self._read()
        return int(time.time() if self._began is None else self._began + time.monotonic())

    def _read(self) -> None:
        if self._began is not None:
            self._read_at = time.monotonic() + READ_AGAIN_SECONDS  # other callers go on with the last answer
        try:
            with reading(self._engine) as conn:
                there = read_time(conn)
                self._began = there - time.monotonic()
            self._read_at = time.monotonic() + READ_AGAIN_SECONDS
        except Overloaded:
            if self._began is None:
                self._read_at = time.monotonic() + RETRY_SECONDS
