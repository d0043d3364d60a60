"""How much goes to each host of push services at a time, and to which ones nothing goes for a while.

One that hangs or fails is left alone, twice as long each time; meanwhile, and while its requests hang, the others have
their share of the threads.
"""

from __future__ import annotations

import time
from collections import Counter

from app.push.provider import Outcome

MAX_BACKOFF_SECONDS = 60.0


class Hosts:
    """Of one thread. ``most``: in flight to one host."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_flight: Counter[str] = Counter()
        self._until: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def in_flight(self) -> int:
        return sum(self._in_flight.values())

    def closed(self) -> list[str]:
        """To these nothing more is to be sent now."""
        now = time.monotonic()
        waiting = {host for host, until in self._until.items() if until > now}
        return sorted(waiting | {host for host, count in self._in_flight.items() if count >= self._most})

    def room(self) -> int:
        """So many may be begun, whatever their hosts are (but for the closed ones)."""
        closed = set(self.closed())
        return self._most - max((n for host, n in self._in_flight.items() if host not in closed), default=0)

    def begin(self, host: str) -> None:
        self._in_flight[host] += 1

    def ended(self, host: str, outcome: Outcome) -> None:
        self._in_flight[host] -= 1
        if not self._in_flight[host]:
            del self._in_flight[host]
        if outcome.whole_host:
            self._failed(host, outcome.seconds)
        elif outcome.what != "wait":
            self._failures.pop(host, None)
            self._until.pop(host, None)

    def _failed(self, host: str, seconds: float) -> None:
        now = time.monotonic()
        if self._until.get(host, 0.0) <= now:  # of many in flight, the first counts
            self._failures[host] += 1
        backoff = min(2.0 ** self._failures[host], MAX_BACKOFF_SECONDS)
        self._until[host] = max(self._until.get(host, 0.0), now + max(backoff, seconds))
