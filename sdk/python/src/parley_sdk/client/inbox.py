"""Events that wait for the application, up to a limit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event of the stream. Only events that are replayed on resume have a ``cursor``."""

    name: str
    data: dict[str, Any]
    cursor: str | None = None


class Inbox:
    """A queue of events that never blocks its writer, because the writer also brings the answers of commands.

    When it is full, it drops every further event and remembers the cursor of the last one that it kept. When the reader
    has taken everything, ``on_gap`` is called: a new connection from that cursor brings the dropped events.
    """

    def __init__(self, limit: int, cursor: str | None, on_gap: Callable[[], None]) -> None:
        self.cursor = cursor  # of the last event that was kept: a new connection resumes here
        self._limit = limit
        self._on_gap = on_gap
        self._events: deque[Event] = deque()
        self._has_gap = False
        self._changed = asyncio.Event()
        self._end: BaseException | None = None

    def put(self, event: Event) -> None:
        if self._has_gap or len(self._events) >= self._limit:
            self._has_gap = True
            return
        self.cursor = event.cursor or self.cursor
        self._events.append(event)
        self._changed.set()

    def connected(self) -> None:
        """A new connection has resumed after ``cursor``, so nothing is missing."""
        self._has_gap = False

    def end(self, error: BaseException) -> None:
        """Lets the reader take the remaining events, and then raises the error."""
        self._end = error
        self._changed.set()

    async def take(self) -> Event:
        while not self._events:
            if self._end is not None:
                raise self._end
            if self._has_gap:
                self._on_gap()
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()
