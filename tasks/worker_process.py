"""Objects that the tasks of one pool process share. They are made at first use, after the fork."""

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
    """Returns the name under which this pool process publishes metrics. Each kind of work has its own."""
    return f"{work}:{socket.gethostname()}:{os.getpid()}"


@cache
def container() -> Container:
    return build_container(Settings.from_env())


def worker_changes(shared: Container) -> WorkerChanges:
    """Returns the way for tasks to write changes of messages and groups to the log."""
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
