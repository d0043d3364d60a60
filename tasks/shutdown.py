"""A worker on SIGTERM: running tasks are asked to end, waited for, and after ``GRACE_SECONDS`` handed back.

Why not Celery's own ways. Warm shutdown waits without a limit, and a platform's SIGTERM to every process of
the worker kills the pool processes in the midst of their tasks. Soft shutdown (REMAP_SIGTERM=SIGQUIT with a
timeout) sleeps its whole timeout in the signal handler, even if the last task is done after 10 ms.

Invariants:
* a task that looks at ``stopping()`` between its steps ends in time, whether the signal went to the group
  or the parent;
* a task that does not look is killed after the grace; acknowledged late, it runs again elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from billiard import active_children
from celery.signals import task_postrun, task_prerun, worker_ready

GRACE_SECONDS = 15.0  # a platform kills at 30; the cold shutdown after it needs a few


class _Pool:
    """State of this pool process."""

    installed = False
    busy = False
    told_at: float | None = None


def stopping() -> bool:
    """Whether the running task should end now and leave the rest to its successor. Cheap."""
    return _Pool.told_at is not None


def install() -> None:
    """Connect to Celery's signals; once, when the Celery application is made."""
    worker_ready.connect(_watch_parent, weak=False)
    task_prerun.connect(_before_task, weak=False)
    task_postrun.connect(_after_task, weak=False)


def _before_task(**_: Any) -> None:
    # Here and not in worker_process_init: the pool sets its own handlers after that.
    if not _Pool.installed:
        _Pool.installed = True
        _chain_in_pool_process()
    _Pool.busy = True


def _after_task(**_: Any) -> None:
    _Pool.busy = False


def _chain_in_pool_process() -> None:
    leave = signal.getsignal(signal.SIGTERM)

    def on_term(signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not _Pool.busy or (_Pool.told_at is not None and now - _Pool.told_at >= GRACE_SECONDS):
            if callable(leave):
                leave(signum, frame)
            return
        if _Pool.told_at is None:
            _Pool.told_at = now
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGALRM, on_term)


def _watch_parent(**_: Any) -> None:
    """In the worker's main process: put our handler before Celery's warm shutdown."""
    warm = signal.getsignal(signal.SIGTERM)
    told = threading.Event()

    def on_term(signum: int, frame: FrameType | None) -> None:
        if not told.is_set():
            told.set()
            _tell_pool_processes()
            _cold_shutdown_after(GRACE_SECONDS + 1)
        if callable(warm):
            warm(signum, frame)

    signal.signal(signal.SIGTERM, on_term)


def _tell_pool_processes() -> None:
    for child in active_children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)


def _cold_shutdown_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()
