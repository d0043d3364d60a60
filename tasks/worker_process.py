"""Objects that the tasks of one pool process share. They are made at first use, after the fork."""

from __future__ import annotations

import os
import socket
from collections import Counter
from functools import cache, partial

from app.bootstrap import build_worker_container
from app.bootstrap.before_send import make_before_send
from app.config import Settings
from app.message_log.append import Append, AppendLimits
from app.message_log.shards import Shard
from app.services.messaging.before_send import BeforeSend
from app.services.messaging.worker_changes import WorkerChanges
from app.task_queue import wake_drain
from app.worker_container import WorkerContainer
from tasks.worker_name import worker_name

NAME = worker_name(os.getppid())


def process_name(work: str = "worker") -> str:
    """Returns the name under which this pool process publishes metrics. Each kind of work has its own."""
    return f"{work}:{socket.gethostname()}:{os.getpid()}"


@cache
def container() -> WorkerContainer:
    return build_worker_container(Settings.from_env())


@cache
def before_send() -> BeforeSend | None:
    """Returns the hook before sending, for streams that end by themselves. Raises ConfigError."""
    shared = container()
    return make_before_send(shared.settings, shared.engine, Counter(), lambda act: act()).edits


def worker_changes(shared: WorkerContainer) -> WorkerChanges:
    """Returns the way for tasks to write changes of messages and groups to the log."""
    return WorkerChanges(shared.shards, shared.engine, partial(_append, shared, "change"))


def worker_appends(shared: WorkerContainer) -> WorkerChanges:
    """Returns the way for tasks to send messages."""
    return WorkerChanges(shared.shards, shared.engine, partial(_append, shared, "append"))


def _append(shared: WorkerContainer, name: str, shard: Shard) -> Append:
    settings = shared.settings
    return Append(
        shard,
        process_name(),
        AppendLimits(settings.log_max_records, settings.log_max_bytes, settings.dedupe_seconds),
        name=name,
        connect=lambda: shard.redis,
        saw_epoch=lambda _number: None,
        wake=partial(wake_drain, shard.part.number),
    )
