"""What a pool process of the worker shares between its tasks: made after the fork, on first use."""

from __future__ import annotations

import os
import socket
from functools import cache

from app.config import Settings
from app.extensions import Parley, build_parley

NAME = f"{socket.gethostname()}:{os.getppid()}"


def process_name() -> str:
    """Of this pool process, for its figures."""
    return f"worker:{socket.gethostname()}:{os.getpid()}"


@cache
def parley() -> Parley:
    return build_parley(Settings.from_env())
