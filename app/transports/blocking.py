"""Work that may block (Postgres, a lone Redis call), in a bounded number of greenlets."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import gevent

log = logging.getLogger(__name__)

MOST = 64


class Blocking:
    """At most ``MOST`` at once; the rest wait in order. How much can wait is bounded by who asks: a session has one
    slow command at a time, and a gateway a bounded number of sessions.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def run(self, act: Callable[[], None]) -> None:
        """Never blocks; safe in callbacks of the event loop."""
        if self._running < self._most:
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
