"""Checks the dependencies of this process: Postgres, each Redis, and a worker that stores messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from functools import partial

from redis import Redis
from sqlalchemy import Engine, text

from app.message_log.shards import Shards, shard_names
from app.message_log.workers import count_alive
from app.store.engine import reading

log = logging.getLogger("parley.readiness")

TIMEOUT_SECONDS = 1.0
Check = Callable[[], bool]


class Readiness:
    """Runs all checks at once and waits ``TIMEOUT_SECONDS``. A check that hangs is not started a second time."""

    def __init__(self, *, engine: Engine, redis: Redis, shards: Shards) -> None:
        self._engine = engine
        self._redis = redis
        pings = {_name(n, shards): partial(self._ping, client) for client, n in shards.by_client().items()}
        self._checks: dict[str, Check] = {"postgres": self._postgres, **pings, "worker": self._worker}
        self._check_log: Callable[[], None] = lambda: None
        self._running: dict[str, Future[bool]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def missing(self) -> list[str]:
        """Returns the names of the checks that failed or did not answer in time; empty if the process is ready. One
        Redis of several is named by its shards.
        """
        futures = {name: self._begin(name, check) for name, check in self._checks.items()}
        wait_for(futures.values(), timeout=TIMEOUT_SECONDS)
        return [name for name, future in futures.items() if not _succeeded(name, future)]

    def include_log(self, check: Callable[[], None]) -> None:
        """``check`` raises RedisError if this process cannot write to the log. Part of the check of the first Redis."""
        self._check_log = check

    def close(self) -> None:
        """Does not wait for a check that hangs."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _postgres(self) -> bool:
        with reading(self._engine) as conn:
            return bool(conn.execute(text("SELECT 1")).scalar_one())

    def _ping(self, client: Redis) -> bool:
        if client is self._redis:
            self._check_log()
        return bool(client.ping())

    def _worker(self) -> bool:
        return count_alive(self._redis) > 0

    def _begin(self, name: str, check: Check) -> Future[bool]:
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = self._threads().submit(check)
        return running

    def _threads(self) -> ThreadPoolExecutor:
        """Returns the pool, made on first use, after the fork. If gevent has patched the process, its threads are
        greenlets.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(self._checks), thread_name_prefix="readiness")
        return self._pool


def _name(numbers: list[int], shards: Shards) -> str:
    if len(numbers) == len(shards):
        return "redis"
    return f"redis of {shard_names(numbers)}"


def _succeeded(name: str, future: Future[bool]) -> bool:
    if not future.done():
        return False
    error = future.exception()
    if error is not None:
        log.warning("%s is not ready: %s", name, type(error).__name__)
        return False
    return future.result()
