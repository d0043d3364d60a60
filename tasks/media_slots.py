"""Leaves pool processes free for messages: at most half of a worker's processes work on media at the same time.

A medium may take minutes. If media occupied all processes when the drain's process dies, no message would be stored
until one of them is done.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from app.worker_pool import pool_size

# One byte of this file is locked for each process that works on a medium. The worker opens it before it forks. A lock
# of this kind belongs to a process, and the kernel releases it when the process dies.
_file, _path = tempfile.mkstemp(prefix="parley-media-slots-")
os.unlink(_path)


def slots(shards: int) -> int:
    """Returns how many processes of this worker may work on media. A worker only for media uses all of them. In other
    workers, the drain of each shard may need one.
    """
    processes = pool_size(os.environ, shards)
    return processes if os.environ.get("WORKER_QUEUES") == "media" else max(1, (processes - shards + 1) // 2)


@contextmanager
def media_slot(shards: int) -> Iterator[bool]:
    """Takes a slot for the block, and passes whether there was one. Never waits."""
    taken = next((slot for slot in range(slots(shards)) if _take(slot)), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            fcntl.lockf(_file, fcntl.LOCK_UN, 1, taken)


def _take(slot: int) -> bool:
    try:
        fcntl.lockf(_file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
    except OSError:
        return False
    return True
