"""Stops a worker on SIGTERM: signals running tasks to end, waits for them, and hands them back after ``GRACE_SECONDS``.

Celery's own shutdowns do not fit. Warm shutdown waits without a limit, and if the platform sends SIGTERM to every
process of the worker, the pool processes die in the middle of their tasks. Soft shutdown (REMAP_SIGTERM=SIGQUIT with a
timeout) sleeps its whole timeout in the signal handler, even if the last task ends after 10 ms.

Invariants:

* A task that checks ``stopping()`` between its steps ends in time. It does not matter if the process group or only
  the parent got the signal.
* A task that does not check is killed after the grace period. It is acknowledged late, so it runs again elsewhere.
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

GRACE_SECONDS = 15.0  # platforms kill after 30 s, and the cold shutdown needs a few of them


class _Pool:
    """State of this pool process."""

    installed = False
    busy = False
    stop_requested_at: float | None = None


def stopping() -> bool:
    """Returns True if the running task should end now and leave the rest to its successor. Cheap."""
    return _Pool.stop_requested_at is not None


def stop_on_sigterm() -> None:
    """Lets SIGTERM and SIGINT set ``stopping`` in a process that is not one of the pool's."""

    def on_signal(_signum: int, _frame: FrameType | None) -> None:
        _Pool.stop_requested_at = time.monotonic()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)


def install() -> None:
    """Connects to Celery's signals. Called once, when the Celery application is created."""
    worker_ready.connect(_watch_parent, weak=False)
    task_prerun.connect(_before_task, weak=False)
    task_postrun.connect(_after_task, weak=False)


def _before_task(**_: Any) -> None:
    # worker_process_init would be too early: the pool sets its own handlers after it.
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
        requested_at = _Pool.stop_requested_at
        if not _Pool.busy or (requested_at is not None and now - requested_at >= GRACE_SECONDS):
            if callable(leave):
                leave(signum, frame)
            return
        if requested_at is None:
            _Pool.stop_requested_at = now
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGALRM, on_term)


def _watch_parent(**_: Any) -> None:
    """Installs our handler in front of Celery's warm shutdown, in the worker's main process."""
    warm = signal.getsignal(signal.SIGTERM)
    forwarded = threading.Event()

    def on_term(signum: int, frame: FrameType | None) -> None:
        if not forwarded.is_set():
            forwarded.set()
            _forward_to_pool_processes()
            _cold_shutdown_after(GRACE_SECONDS + 1)
        if callable(warm):
            warm(signum, frame)

    signal.signal(signal.SIGTERM, on_term)


def _forward_to_pool_processes() -> None:
    for child in active_children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGTERM)


def _cold_shutdown_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGQUIT))
    timer.daemon = True
    timer.start()
