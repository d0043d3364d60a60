"""The embedded stores: PostgreSQL and Valkey in one directory, started together, refused in production.

Invariants:
* Each directory has one holder (a lock on ``<directory>/lock``, which the kernel releases when the holder dies).
* If a killed holder left a store running, it is stopped before the next one starts.
* No process outlives the holder (``dev.processes.Guard``).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO

from dev.embedded_postgres import EmbeddedPostgres
from dev.embedded_valkey import EmbeddedValkey
from dev.processes import Guard, StartError

__all__ = [
    "DirectoryLock",
    "EmbeddedPostgres",
    "EmbeddedStores",
    "EmbeddedValkey",
    "StartError",
    "refuse_in_production",
]


def refuse_in_production() -> None:
    """Raises StartError if APP_ENV is production: embedded stores have no backup, no password and no replica."""
    if os.environ.get("APP_ENV") == "production":
        raise StartError("APP_ENV=production refuses embedded stores; set DATABASE_URL and REDIS_URL.")


class DirectoryLock:
    """A lock that one process holds until ``release`` or its death."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: IO[str] | None = None

    def take(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = self._path.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            holder = handle.read().strip()
            handle.close()
            raise StartError(
                f"{self._path.parent} is in use by another copy (process {holder or 'unknown'})."
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._file = handle

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class EmbeddedStores:
    """PostgreSQL in ``<directory>/postgres`` and Valkey in ``<directory>/valkey``; also a context manager.

    ``postgres=False`` or ``valkey=False`` leaves one out, for a store given by URL. ``fsync=False`` is for tests.
    """

    def __init__(
        self,
        directory: Path,
        *,
        postgres: bool = True,
        valkey: bool = True,
        tcp: bool = False,
        fsync: bool = True,
        guard: Guard | None = None,
        postgres_options: dict[str, str] | None = None,
    ) -> None:
        refuse_in_production()
        self.directory = directory.resolve()
        self.guard = guard or Guard()
        self._owns_guard = guard is None
        self._lock = DirectoryLock(self.directory)
        self._wanted = (postgres, valkey)
        self.postgres = EmbeddedPostgres(
            self.directory / "postgres", guard=self.guard, tcp=tcp, fsync=fsync, options=postgres_options
        )
        self.valkey = EmbeddedValkey(self.directory / "valkey", guard=self.guard, tcp=tcp)

    def start(self) -> EmbeddedStores:
        """Starts both stores, with a database ``parley``, and returns when they are ready.

        Raises StartError if one does not start; then neither is left running.
        """
        self._lock.take()
        try:
            if self._wanted[1]:
                self.valkey.start()
            if self._wanted[0]:
                self.postgres.start()
                self.postgres.create_database("parley")
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def all_embedded(self) -> bool:
        """True if no store was given by URL."""
        return all(self._wanted)

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()
        self._lock.release()

    def close(self) -> None:
        """Stops the stores and ends the guard. This object cannot start again."""
        self.stop()
        if self._owns_guard:
            self.guard.close()

    def environment(self) -> dict[str, str]:
        """Returns DATABASE_URL, REDIS_URL and CELERY_BROKER_URL of the running stores."""
        found = {}
        if self.postgres.running():
            found["DATABASE_URL"] = self.postgres.url()
        if self.valkey.running():
            found |= {"REDIS_URL": self.valkey.url(), "CELERY_BROKER_URL": self.valkey.broker_url()}
        return found

    def __enter__(self) -> EmbeddedStores:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
