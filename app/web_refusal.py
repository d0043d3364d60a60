"""A web process that refuses to start prints one line and has one exit status, no matter how many workers it has.

gunicorn imports this before gevent patches the process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, NoReturn

from gunicorn.errors import HaltServer

from app.config import CONFIG_EXIT_STATUS, ConfigError

# The end of a pipe that all workers of one master share. It has one byte, for the worker that prints the line.
_to_print: int | None = None


def let_workers_refuse(master: Any) -> None:
    """Prepares gunicorn's master, which stops when a worker exits with CONFIG_EXIT_STATUS.

    If a second worker does so while the master stops, gunicorn 27 prints a traceback, leaves the remaining workers
    alone, and exits with another status.
    """
    global _to_print
    _to_print, end = os.pipe()
    os.set_blocking(_to_print, False)
    os.write(end, b"1")
    stop, reap = master.stop, master.reap_workers

    def reap_all() -> None:
        with contextlib.suppress(HaltServer):
            reap()

    def stop_whatever_workers_do(graceful: bool = True) -> None:
        master.reap_workers = reap_all
        stop(graceful)

    master.stop = stop_whatever_workers_do


def refuse_to_start(error: ConfigError) -> NoReturn:
    """Ends this worker, and with it the master. The first of the workers prints what is wrong."""
    if _may_print():
        print(error.report(), file=sys.stderr, flush=True)
    # Not sys.exit: gunicorn would print the traceback of a SystemExit that is raised while it loads the application.
    os._exit(CONFIG_EXIT_STATUS)


def _may_print() -> bool:
    if _to_print is None:
        return True
    try:
        return bool(os.read(_to_print, 1))
    except BlockingIOError:
        return False
