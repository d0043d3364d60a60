"""Bounds the HTTP connections that a web process serves at once, per network and in all.

Sessions are not counted: WebSocket and SSE leave the server after their handshake, and a poll steps aside while it
waits. So what is counted takes milliseconds, unless somebody wants to hold it. This module imports neither Flask nor a
driver, because gunicorn loads it before gevent patches the process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import gevent


class Ticket:
    """One connection that is served."""

    __slots__ = ("_admission", "_counted", "_network")

    def __init__(self, admission: Admission, network: str) -> None:
        self._admission = admission
        self._network = network
        self._counted = False
        self.back()

    def back(self) -> None:
        """Counts the connection again."""
        if not self._counted:
            self._counted = True
            self._admission.count(self._network, 1)

    def aside(self) -> None:
        """Stops counting the connection. Safe to call twice."""
        if self._counted:
            self._counted = False
            self._admission.count(self._network, -1)


class Admission:
    """``most_per_network`` is 0 if all connections come from proxies of our own."""

    def __init__(self, most: int, most_per_network: int) -> None:
        self._most = most
        self._most_per_network = most_per_network
        self._by_network: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def admit(self, network: str) -> Ticket | None:
        """Returns None if there is no room."""
        if self._total >= self._most or 0 < self._most_per_network <= self._by_network[network]:
            return None
        return Ticket(self, network)

    def count(self, network: str, change: int) -> None:
        self._total += change
        self._by_network[network] += change
        if not self._by_network[network]:
            del self._by_network[network]


@contextmanager
def stepped_aside() -> Iterator[None]:
    """Does not count the connection of this greenlet while the block runs. Does nothing under other servers."""
    ticket: Ticket | None = getattr(gevent.getcurrent(), "admission_ticket", None)
    if ticket is None:
        yield
        return
    ticket.aside()
    try:
        yield
    finally:
        ticket.back()
