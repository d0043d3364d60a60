"""Bounds the HTTP connections that a web process serves at once, per network and in all.

Sessions are not counted: WebSocket and SSE leave the server after their handshake, and a poll steps aside while it
waits. So what is counted takes milliseconds, unless somebody wants to hold it. This module imports neither Flask nor a
driver, because gunicorn loads it before gevent patches the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent

from app.core.networks import NetworkCounter


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
            self._admission.connections.add(self._network, 1)

    def aside(self) -> None:
        """Stops counting the connection. Safe to call twice."""
        if self._counted:
            self._counted = False
            self._admission.connections.add(self._network, -1)


class Admission:
    """``limit_per_network`` is 0 if all connections come from proxies of our own."""

    def __init__(self, limit: int, limit_per_network: int) -> None:
        self.connections = NetworkCounter(limit, limit_per_network or None)

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
