"""Runs only a few computations at once, in turns by network, so that a flood from one network does not cause refusals
for others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from app.core.errors import Overloaded
from app.core.fair_queue import FairQueue


class _Waiter:
    """One computation that waits for its turn. If it loses its place, ``refused`` is set before ``decided``."""

    __slots__ = ("decided", "refused")

    def __init__(self) -> None:
        self.decided = Event()
        self.refused = False

    def refuse(self) -> None:
        self.refused = True
        self.decided.set()


class Turns:
    """At most ``at_once`` turns at the same time, and ``max_waiting`` that wait."""

    def __init__(self, at_once: int, max_waiting: int) -> None:
        self._at_once = at_once
        self._running = 0
        self._waiting: FairQueue[_Waiter] = FairQueue(max_waiting)
        self._lock = Lock()

    @contextmanager
    def turn(self, network: str) -> Iterator[None]:
        """Waits for a turn and holds it while the block runs. Raises Overloaded if there is no room to wait."""
        self._wait(network)
        try:
            yield
        finally:
            self._pass_on()

    def _wait(self, network: str) -> None:
        waiter = self._enter(network)
        if waiter is None:
            return
        try:
            waiter.decided.wait()
        except BaseException:  # the greenlet is killed
            self._leave(network, waiter)
            raise
        if waiter.refused:
            raise Overloaded("Too many people are signing in at once.", retry_after=5)

    def _enter(self, network: str) -> _Waiter | None:
        """Returns None if the turn begins at once."""
        with self._lock:
            if self._running < self._at_once:
                self._running += 1
                return None
            waiter = _Waiter()
            without_room = self._waiting.put(network, waiter)
        if without_room is not None:
            without_room.refuse()
        return waiter

    def _pass_on(self) -> None:
        with self._lock:
            following = self._waiting.take()
            if following is None:
                self._running -= 1
        if following is not None:
            following.decided.set()

    def _leave(self, network: str, waiter: _Waiter) -> None:
        with self._lock:
            self._waiting.discard(network, waiter)
        if waiter.decided.is_set() and not waiter.refused:
            self._pass_on()
