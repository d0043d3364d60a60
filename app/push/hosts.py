"""Limits the concurrent notifications per push service host, and pauses hosts that fail.

The pause doubles with each failure. While the requests of one host hang, the other hosts keep their share of threads.
"""

from __future__ import annotations

import time
from collections import Counter

from app.push.provider import Outcome

MAX_BACKOFF_SECONDS = 60.0


class Hosts:
    """Used by one thread only. ``max_per_host`` limits the notifications in flight to one host."""

    def __init__(self, max_per_host: int) -> None:
        self._max_per_host = max_per_host
        self._in_flight: Counter[str] = Counter()
        self._until: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def in_flight(self) -> int:
        return sum(self._in_flight.values())

    def closed(self) -> list[str]:
        """Returns the hosts that are paused or at their limit."""
        now = time.monotonic()
        paused = {host for host, until in self._until.items() if until > now}
        return sorted(paused | {host for host, count in self._in_flight.items() if count >= self._max_per_host})

    def room(self) -> int:
        """Returns how many notifications may start without exceeding the limit of any host that is not closed."""
        closed = set(self.closed())
        return self._max_per_host - max((n for host, n in self._in_flight.items() if host not in closed), default=0)

    def begin(self, host: str) -> None:
        self._in_flight[host] += 1

    def ended(self, host: str, outcome: Outcome) -> None:
        self._in_flight[host] -= 1
        if not self._in_flight[host]:
            del self._in_flight[host]
        if outcome.whole_host:
            self._failed(host, outcome.seconds)
        elif outcome.result != "retry":
            self._failures.pop(host, None)
            self._until.pop(host, None)

    def _failed(self, host: str, seconds: float) -> None:
        now = time.monotonic()
        if self._until.get(host, 0.0) <= now:  # if many requests in flight fail together, they count as one failure
            self._failures[host] += 1
        backoff = min(2.0 ** self._failures[host], MAX_BACKOFF_SECONDS)
        self._until[host] = max(self._until.get(host, 0.0), now + max(backoff, seconds))
