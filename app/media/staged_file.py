"""The file of a medium on the disk of a worker. If the worker is killed, the next one removes it."""

from __future__ import annotations

import fcntl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "parley-media-"
# Between the creation of a file and its lock, its worker is alive although nobody holds the lock.
LOCKING_SECONDS = 60.0


@contextmanager
def staged_file() -> Iterator[IO[bytes]]:
    """Yields an empty file and removes it afterwards. Its lock shows other workers that its worker is alive."""
    with tempfile.NamedTemporaryFile(prefix=PREFIX) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def remove_abandoned_files(now: float | None = None) -> int:
    """Removes the files of workers that were killed, and returns their number."""
    before = (time.time() if now is None else now) - LOCKING_SECONDS
    return sum(_remove_if_abandoned(path, before) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def _remove_if_abandoned(path: Path, before: float) -> bool:
    with suppress(OSError), path.open("rb") as file:  # OSError: it is gone, locked, or another user's
        if path.stat().st_mtime < before and not path.is_symlink():
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
            return True
    return False
