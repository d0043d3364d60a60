"""Many keys in few calls: while one call is under way, the keys of the next one collect."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
RunBlocking = Callable[[Callable[[], None]], None]  # runs a function that may block in a greenlet of its own

log = logging.getLogger(__name__)


class Coalescer(Generic[Key]):
    """Calls ``act`` with the keys that were added since its last call began, at most ``at_once`` of them.

    If no call is under way, a key is passed at once. A key that was added twice is passed twice. The order is kept.
    Calls run one after the other, and may block. Not thread-safe.

    A ``Batcher`` (app/redis_batch.py) also returns a result for each operation, repeats calls that failed, and has
    greenlets that always run. A coalescer does none of this.
    """

    def __init__(self, act: Callable[[list[Key]], None], *, run_blocking: RunBlocking, at_once: int) -> None:
        self._act = act
        self._run_blocking = run_blocking
        self._at_once = at_once
        self._waiting: deque[Key] = deque()
        self._is_running = False

    def add(self, key: Key) -> None:
        """Never blocks, unless ``run_blocking`` does."""
        self._waiting.append(key)
        if not self._is_running:
            self._is_running = True
            self._run_blocking(self._run)

    def _run(self) -> None:
        while self._waiting:
            keys = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
            try:
                self._act(keys)
            except Exception:
                log.exception("a call with %d keys failed", len(keys))
        self._is_running = False
