"""Lets the networks of clients take turns: of each network, a process works on one reading request at a time.

Otherwise twenty connections of one client add twenty requests to everybody's latency, in this process and in Postgres.
A request that takes long mostly waits, so it counts only for a moment. gunicorn imports this before gevent patches the
process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress

import gevent
from gevent.hub import Waiter

AT_ONCE = 1
COUNTS_SECONDS = 0.02
CHECK_SECONDS = 0.01


class Turn:
    """A request's turn. ``began`` is on the monotonic clock."""

    __slots__ = ("began", "network", "waiter")

    def __init__(self, network: str) -> None:
        self.network = network
        self.waiter = Waiter()
        self.began = 0.0


class _Lane:
    """The requests of one network."""

    __slots__ = ("running", "waiting")

    def __init__(self) -> None:
        self.running: set[Turn] = set()
        self.waiting: deque[Turn] = deque()

    def has_room(self, now: float) -> bool:
        if len(self.running) >= AT_ONCE:
            self.running = {turn for turn in self.running if now - turn.began < COUNTS_SECONDS}
        return len(self.running) < AT_ONCE

    def start(self, turn: Turn, now: float) -> None:
        turn.began = now
        self.running.add(turn)


class RequestTurns:
    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._timers: set[float] = set()  # the delays of those that are set

    def __len__(self) -> int:
        """Returns how many requests wait."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def begin(self, network: str) -> Turn:
        """Returns when the network has a turn for this greenlet's request. ``end`` must be called with the result."""
        turn, now = Turn(network), time.monotonic()
        lane = self._lanes.setdefault(network, _Lane())
        if not lane.waiting and lane.has_room(now):
            lane.start(turn, now)
            return turn
        lane.waiting.append(turn)
        self._check_after(CHECK_SECONDS)
        try:
            turn.waiter.get()
        except BaseException:
            with suppress(ValueError):  # its turn came already
                lane.waiting.remove(turn)
            self.end(turn)
            raise
        return turn

    def end(self, turn: Turn) -> None:
        """Gives the turn to the next request. Safe to call twice."""
        lane = self._lanes.get(turn.network)
        if lane is None:
            return
        lane.running.discard(turn)
        if lane.waiting:
            self._check_after(0.0)
        elif not lane.running:
            del self._lanes[turn.network]

    def _check_after(self, seconds: float) -> None:
        # A timer, not a callback: the loop runs callbacks again and again before it looks at its sockets.
        if seconds not in self._timers:
            self._timers.add(seconds)
            timer = gevent.get_hub().loop.timer(seconds)
            timer.start(self._check, timer, seconds)

    def _check(self, timer: object, seconds: float) -> None:
        """Starts one request of each network that has room."""
        timer.close()  # type: ignore[attr-defined]
        self._timers.discard(seconds)
        now = time.monotonic()
        queues = [lane for lane in self._lanes.values() if lane.waiting]
        for lane in queues:
            if lane.has_room(now):
                turn = lane.waiting.popleft()
                lane.start(turn, now)
                turn.waiter.switch(None)
        if any(lane.waiting for lane in queues):
            self._check_after(CHECK_SECONDS)
