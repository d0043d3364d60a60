"""Runs work that may take long at a lower CPU priority than everything else, so that the chat does not wait for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# Linux gives such a thread a third of the time that an ordinary one gets if both are ready to run. With a much lower
# priority, Postgres on a busy machine would end a transaction of the thread, because its next statement comes too late.
NICENESS = 5


def at_low_priority(work: Callable[[], T], niceness: int = NICENESS) -> T:
    """Returns the result of ``work``, which runs in a thread of its own. The caller keeps its priority.

    Only Linux has priorities of threads. Elsewhere it would change the priority of the whole process, which could not
    raise it again, so nothing is changed.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="low-priority", initializer=_be_nice, initargs=(niceness,)) as pool:
        return pool.submit(work).result()


def _be_nice(niceness: int) -> None:
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)
