"""Watches the logs from a worker's main process, so that messages are stored also while the broker is away.

Usually a task wakes the drain (tasks/persist_messages.py). No task arrives while the broker is away, but records can:
they come through Redis, which may be a different server. If records wait and no drain has taken them, the watcher runs
a drain in a process of its own. The lease keeps two drains apart, as always. Each shard has a thread and a drain of its
own, so that a Redis that hangs delays nothing in the other shards.

The drain is a fresh process, not a fork: this process has threads, whose locks a fork would copy. That costs a second
and some memory, but only while the broker is away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from celery import bootsteps
from redis import Redis
from redis.exceptions import RedisError

from app.config import Settings
from app.message_log.shard_keys import ShardKeys
from app.message_log.shards import Shard
from app.message_log.workers import heartbeat
from app.redis_connections import one_connection
from tasks.worker_name import worker_name

log = logging.getLogger(__name__)

QUEUE = "persistence"
LOOK_SECONDS = 1.0
# This many checks in a row must find records without a drain. A task starts a drain in less time.
LOOKS = 2
HEARTBEAT_SECONDS = 10.0
TIMEOUT_SECONDS = 5.0
STOP_SECONDS = 15.0


class LogWatch:
    """Counts checks of the log. ``start_drain`` is called if records wait and no drain holds the lease."""

    def __init__(self, shard: Shard, start_drain: Callable[[], None]) -> None:
        self._shard = shard
        self._start_drain = start_drain
        self._waited = 0

    def look(self) -> None:
        """Raises RedisError."""
        redis, keys, _ = self._shard
        waiting = bool(redis.xlen(keys.log)) and not redis.exists(keys.lease)
        self._waited = self._waited + 1 if waiting else 0
        if self._waited >= LOOKS:
            self._waited = 0
            self._start_drain()


class DrainProcess:
    """At most one process that runs a drain of this shard (tasks/drain_process.py)."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            log.warning(
                "no task has woken a drain of shard %d, so the worker starts one itself; is the broker away, or are all"
                " processes of the worker busy?",
                self._number,
            )
            command = [sys.executable, "-m", "tasks.drain_process", str(os.getpid()), str(self._number)]
            self._process = subprocess.Popen(command)  # noqa: S603 - nothing in it comes from outside

    def stop(self) -> None:
        """Lets the drain finish its batch."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()


def watch_log(
    connect: Callable[[], Redis],
    name: str,
    start_drain: Callable[[], None],
    stopped: threading.Event,
    number: int = 0,
) -> None:
    """Checks the log of a shard until ``stopped`` is set. The first shard's Redis also gets a heartbeat of worker
    ``name`` now and then. Survives a Redis that is away, also when it starts.
    """
    while not stopped.is_set():
        try:
            with connect() as redis:
                _watch_through(redis, name, start_drain, stopped, number)
        except RedisError:  # nothing can be stored until Redis is back
            stopped.wait(LOOK_SECONDS)


def _watch_through(
    redis: Redis, name: str, start_drain: Callable[[], None], stopped: threading.Event, number: int
) -> None:
    watch, beat_at = LogWatch(Shard(redis, ShardKeys(number)), start_drain), 0.0
    # Workers that started together check at different times, so that one of them finds the lease of the other.
    while not stopped.wait(LOOK_SECONDS * random.uniform(0.75, 1.25)):
        watch.look()
        if not number and time.monotonic() >= beat_at:
            heartbeat(redis, name)
            beat_at = time.monotonic() + HEARTBEAT_SECONDS


class LogWatcher(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """A step of the worker's start. It comes before the consumer, which waits for the broker."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopped = threading.Event()
        self._drains: list[DrainProcess] = []

    def include_if(self, worker: Any) -> bool:
        return QUEUE in worker.app.amqp.queues.consume_from

    def start(self, _worker: Any) -> None:
        settings = Settings.from_env()
        self._drains = [DrainProcess(number) for number in range(settings.shards)]
        for number in range(len(self._drains)):
            name = f"log-watcher-{number}"
            threading.Thread(target=self._watch, args=(settings, number), name=name, daemon=True).start()

    def stop(self, _worker: Any) -> None:
        self._stopped.set()
        stops = [threading.Thread(target=drain.stop) for drain in self._drains]  # side by side: each may take a while
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    terminate = stop

    def _watch(self, settings: Settings, number: int) -> None:
        watch_log(
            lambda: one_connection(settings, number, timeout_seconds=TIMEOUT_SECONDS),
            worker_name(os.getpid()),
            self._drains[number].start,
            self._stopped,
            number,
        )
