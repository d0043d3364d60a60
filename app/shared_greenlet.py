"""Runs functions that seldom block, many of them in one greenlet.

A greenlet costs some 10 µs: its object, its first switch, and a block of memory that the kernel maps and unmaps.
gunicorn imports this before gevent patches the process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import gevent
from gevent import get_hub

log = logging.getLogger(__name__)


class SharedGreenlet:
    """If a function blocks, another greenlet runs those behind it. So they are begun in order, and none waits."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_watched = False  # ``_go_on`` will be called

    def __len__(self) -> int:
        """Returns how many functions have not begun."""
        return len(self._waiting)

    def run(self, act: Callable[[], None]) -> None:
        """Never blocks; safe in callbacks of the event loop."""
        self._waiting.append(act)
        self._watch()

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            get_hub().loop.run_callback(self._go_on)

    def _go_on(self) -> None:
        """Called by the loop: no function runs, so the greenlet before has ended, or waits."""
        self._is_watched = False
        if self._waiting:
            gevent.spawn(self._work)

    def _work(self) -> None:
        while self._waiting:
            act = self._waiting.popleft()
            if self._waiting:
                self._watch()
            try:
                act()
            except Exception:
                log.exception("background work failed")
