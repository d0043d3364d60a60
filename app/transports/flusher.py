"""Writes what waits for readers, once per iteration of the event loop."""

from __future__ import annotations

from typing import Protocol

from gevent import get_hub


class Flushable(Protocol):
    def flush(self) -> None: ...


class Flusher:
    """Flushes all connections with waiting data once per iteration of the event loop, so that everything that an
    iteration brings for one reader leaves in one system call.
    """

    def __init__(self) -> None:
        self._loop = get_hub().loop
        self._waiting: list[Flushable] = []

    def add(self, flushable: Flushable) -> None:
        self._waiting.append(flushable)
        if len(self._waiting) == 1:
            self._loop.run_callback(self.flush)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for flushable in waiting:
            flushable.flush()
