"""What a pool process of the worker shares between its tasks: made after the fork, on first use."""

from __future__ import annotations

import os
import socket
from functools import cache

from app.bootstrap import build_container
from app.config import Settings
from app.container import Container
from app.message_log.append import Append, AppendLimits
from app.services.messaging.worker_changes import WorkerChanges
from app.task_queue import wake_drain

NAME = f"{socket.gethostname()}:{os.getppid()}"


def process_name(work: str = "worker") -> str:
    """Of this pool process, for its figures. Those of each ``work`` are published apart."""
    return f"{work}:{socket.gethostname()}:{os.getpid()}"


@cache
def parley() -> Container:
    return build_container(Settings.from_env())


def worker_changes(shared: Container) -> WorkerChanges:
    """A way into the log, for what a task changes of messages and groups."""
    settings = shared.settings
    change = Append(
        shared.redis,
        process_name(),
        AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
        name="change",
        connect=lambda: shared.redis,
        saw_epoch=lambda _number: None,
        wake=wake_drain,
    )
    return WorkerChanges(shared.redis, shared.engine, change)
