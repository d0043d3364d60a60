"""What this process needs and does not reach: Postgres, Redis, a worker that stores messages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING

from sqlalchemy import text

from app.message_log.workers import count_alive
from app.store.engine import reading

if TYPE_CHECKING:
    from app.container import Container

log = logging.getLogger("parley.readiness")

ANSWER_SECONDS = 1.0
Check = Callable[["Container"], bool]


def _postgres(parley: Container) -> bool:
    with reading(parley.engine) as conn:
        return bool(conn.execute(text("SELECT 1")).scalar_one())


def _redis(parley: Container) -> bool:
    return bool(parley.redis.ping())


def _worker(parley: Container) -> bool:
    return count_alive(parley.redis) > 0


CHECKS: dict[str, Check] = {"postgres": _postgres, "redis": _redis, "worker": _worker}


class Readiness:
    """Asks all at once and waits ``ANSWER_SECONDS``. A check that hangs is not begun a second time beside
    itself.
    """

    def __init__(self) -> None:
        self._running: dict[str, Future[bool]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def missing(self, parley: Container) -> list[str]:
        """Names of what did not answer in time, or answered badly; empty when the process can do its work."""
        futures = {name: self._begin(name, check, parley) for name, check in CHECKS.items()}
        wait_for(futures.values(), timeout=ANSWER_SECONDS)
        return [name for name, future in futures.items() if not _succeeded(name, future)]

    def close(self) -> None:
        """Does not wait for a check that hangs."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _begin(self, name: str, check: Check, parley: Container) -> Future[bool]:
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = self._threads().submit(check, parley)
        return running

    def _threads(self) -> ThreadPoolExecutor:
        """Greenlets where gevent has patched; made after the fork, on first use."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(CHECKS), thread_name_prefix="readiness")
        return self._pool


def _succeeded(name: str, future: Future[bool]) -> bool:
    if not future.done():
        return False
    error = future.exception()
    if error is not None:
        log.warning("%s is not ready: %s", name, type(error).__name__)
        return False
    return future.result()
