"""Work that may block (Postgres, a single Redis call), in a bounded number of greenlets."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import gevent
from gevent import get_hub
from gevent.hub import Waiter

log = logging.getLogger(__name__)

MAX_GREENLETS = 64

Act = Callable[[], None]


class BlockingPool:
    """Runs at most ``limit`` functions at once; the others wait in order. The callers bound how many can wait: a
    session has one slow command at a time, and a gateway a bounded number of sessions.

    Greenlets are kept for the next functions. To begin one costs 13 µs, because the kernel maps and unmaps its memory;
    to go on with one costs 3 µs.
    """

    def __init__(self, limit: int = MAX_GREENLETS) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[Act] = deque()
        self._resting: list[Waiter] = []  # one of each greenlet without a function

    def __len__(self) -> int:
        """Returns how many functions wait for their turn."""
        return len(self._waiting)

    def run(self, act: Act) -> None:
        """Never blocks; safe in callbacks of the event loop."""
        if self._running >= self._limit:
            self._waiting.append(act)
            return
        self._running += 1
        if self._resting:
            get_hub().loop.run_callback(self._resting.pop().switch, act)
        else:
            gevent.spawn(self._work, act)

    def _work(self, act: Act) -> None:
        while True:
            try:
                act()
            except Exception:
                log.exception("background work failed")
            act = self._waiting.popleft() if self._waiting else self._rest()

    def _rest(self) -> Act:
        """Waits for the next function."""
        waiter: Waiter = Waiter()
        self._running -= 1
        self._resting.append(waiter)
        act: Act = waiter.get()
        return act
