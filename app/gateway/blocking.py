"""Work that may block (Postgres, a single Redis call), in a bounded number of greenlets."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import gevent

log = logging.getLogger(__name__)

MAX_GREENLETS = 64


class BlockingPool:
    """Runs at most ``limit`` functions at once; the others wait in order. The callers bound how many can wait: a
    session has one slow command at a time, and a gateway a bounded number of sessions.
    """

    def __init__(self, limit: int = MAX_GREENLETS) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        """Returns how many functions wait for their turn."""
        return len(self._waiting)

    def run(self, act: Callable[[], None]) -> None:
        """Never blocks; safe in callbacks of the event loop."""
        if self._running < self._limit:
            self._running += 1
            gevent.spawn(self._work, act)
        else:
            self._waiting.append(act)

    def _work(self, act: Callable[[], None]) -> None:
        while True:
            try:
                act()
            except Exception:
                log.exception("work in the background failed")
            if not self._waiting:
                self._running -= 1
                return
            act = self._waiting.popleft()
