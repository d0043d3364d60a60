"""The name of a worker, by which its main process and its pool processes report that it is alive."""

from __future__ import annotations

import socket


def worker_name(main_process: int) -> str:
    """Returns the name of the worker on this host whose main process has this id."""
    return f"{socket.gethostname()}:{main_process}"
