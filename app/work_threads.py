"""Runs CPU-bound work in real threads, so that a gevent process keeps serving its sessions."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gevent.threadpool import ThreadPool

T = TypeVar("T")

# On a single core, a hash in a thread of the same priority takes time from the sessions in slices of milliseconds.
NICENESS = 5
_threads = threading.local()


class WorkThreads:
    """At most ``threads`` computations run at once; others wait in order.

    This is useful only for work that releases the GIL, as Argon2 does. We do not use gevent's shared pool: a burst of
    logins would delay name resolution, which runs there.
    """

    def __init__(self, threads: int) -> None:
        self._count = threads
        self._pool: ThreadPool | None = None

    def run(self, work: Callable[..., T], *args: Any) -> T:
        """Returns the result of ``work(*args)``, or raises its error. If gevent has not patched this process, there is
        no event loop to block, and the work runs in the calling thread.
        """
        pool = self._threads()
        return work(*args) if pool is None else pool.apply(_run_behind, (work, *args))

    def run_for(self, seconds: float, work: Callable[..., T], *args: Any) -> T:
        """Does the same with normal priority, but raises TimeoutError after ``seconds``. The work itself goes on and
        keeps its thread.
        """
        pool = self._threads()
        if pool is None:
            return work(*args)
        from gevent import Timeout  # noqa: PLC0415

        try:
            return pool.spawn(work, *args).get(timeout=seconds)  # type: ignore[no-any-return]
        except Timeout:
            raise TimeoutError(f"no result within {seconds} s") from None

    def _threads(self) -> ThreadPool | None:
        """Returns the threads, or None if gevent has not patched this process."""
        # Imported here because worker processes, which build the same container, do not need gevent.
        from gevent import monkey  # noqa: PLC0415
        from gevent.threadpool import ThreadPool  # noqa: PLC0415

        if not monkey.is_module_patched("threading"):
            return None
        if self._pool is None:
            self._pool = ThreadPool(self._count)  # on first use, after the fork
        return self._pool


def _run_behind(work: Callable[..., T], *args: Any) -> T:
    if sys.platform == "linux" and not getattr(_threads, "behind", False):  # only Linux has priorities of threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        _threads.behind = True
    return work(*args)
