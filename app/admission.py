"""Bounds the HTTP connections that a web process serves at once, per network and in all.

Sessions are not counted: WebSocket and SSE leave the server after their handshake, and a poll steps aside while it
waits. A counted connection therefore lasts milliseconds, unless an attacker holds it open. This module imports neither
Flask nor a driver, because gunicorn loads it before gevent patches the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

from app.core.networks import NetworkCounter

# Connections of our own proxies, whose clients are known only when the headers have arrived.
UNNAMED = ""


class Ticket:
    """One connection that is served."""

    __slots__ = ("_admission", "_began", "_counted", "_network", "when_aside")

    def __init__(self, admission: Admission, network: str) -> None:
        self._began: float | None = time.monotonic()
        self._admission = admission
        self._network = network
        self._counted = False
        self.when_aside: Callable[[], None] | None = None
        self.back()

    @property
    def network(self) -> str:
        return self._network

    def name(self, network: str) -> bool:
        """Counts the connection for this network from now on. Returns False if there is no room for it."""
        if not self._counted:
            self._network = network
            return True
        connections = self._admission.connections
        connections.add(self._network, -1)
        has_room = connections.has_room(network)
        self._network = network if has_room else self._network
        connections.add(self._network, 1)
        return has_room

    def waited(self) -> float:
        """Returns the seconds since the connection was admitted; 0 when called again."""
        began, self._began = self._began, None
        return 0.0 if began is None else time.monotonic() - began

    def back(self) -> None:
        """Counts the connection again."""
        if not self._counted:
            self._counted = True
            self._admission.connections.add(self._network, 1)

    def aside(self) -> None:
        """Stops counting the connection, and calls ``when_aside``. Safe to call twice."""
        if self.when_aside is not None:
            self.when_aside()
        if self._counted:
            self._counted = False
            self._admission.connections.add(self._network, -1)


class Admission:
    """Connections that are admitted as UNNAMED count only in the total, until they are named."""

    def __init__(self, limit: int, limit_per_network: int) -> None:
        self.connections = NetworkCounter(limit, limit_per_network, unlimited=UNNAMED)

    def __len__(self) -> int:
        return len(self.connections)

    def admit(self, network: str) -> Ticket | None:
        """Returns None if there is no room."""
        return Ticket(self, network) if self.connections.has_room(network) else None


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
