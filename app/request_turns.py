"""Lets the networks of clients take turns: in each turn of the event loop, one request of each network starts.

Otherwise all requests that arrive in a turn run before the loop serves anybody else, so twenty connections of one
client add twenty requests to everybody's latency. gunicorn imports this before gevent patches the process, so nothing
here imports Flask or a driver.
"""

from __future__ import annotations

from collections import deque

import gevent
from gevent.hub import Waiter


class RequestTurns:
    def __init__(self) -> None:
        # The networks with a request in this turn, and the requests that wait for the next turns.
        self._waiting: dict[str, deque[Waiter]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def wait(self, network: str) -> None:
        """Returns when it is the turn of this greenlet's request: at once if its network has no other in this turn."""
        queue = self._waiting.get(network)
        if queue is not None:
            waiter = Waiter()
            queue.append(waiter)
            waiter.get()
            return
        if not self._waiting:
            self._after_turn()
        self._waiting[network] = deque()

    def _after_turn(self) -> None:
        # A timer, not a callback: the loop runs callbacks again and again before it looks at its sockets.
        timer = gevent.get_hub().loop.timer(0.0)
        timer.start(self._next, timer)

    def _next(self, timer: object) -> None:
        timer.close()  # type: ignore[attr-defined]
        queues, self._waiting = self._waiting, {}
        for network, queue in queues.items():
            if queue:
                self._waiting[network] = queue
        if self._waiting:
            self._after_turn()
        for queue in list(self._waiting.values()):
            queue.popleft().switch(None)
