"""Limits the WebSockets that have not joined: anybody can open them, so they must not use up the places of sessions."""

from __future__ import annotations

from collections.abc import Callable

from app.core.errors import Overloaded
from app.core.networks import NetworkCounter

RETRY_SECONDS = 5.0


class Newcomers:
    """Counts by network: an IPv4 address, or a /64 of IPv6."""

    def __init__(self, limit: int, limit_per_network: int) -> None:
        self._sockets = NetworkCounter(limit, limit_per_network)

    def __len__(self) -> int:
        return len(self._sockets)

    def check_room(self, network: str) -> None:
        """Raises Overloaded if too many sockets, in all or of this network, have not joined."""
        if not self._sockets.has_room(network):
            raise Overloaded("Too many connections that have not joined.", retry_after=RETRY_SECONDS)

    def enter(self, network: str) -> Callable[[], None]:
        """Counts one socket. Returns a function that stops counting it; calling that again does nothing."""
        self._sockets.add(network, 1)
        inside = [network]

        def leave() -> None:
            if inside:
                self._sockets.add(inside.pop(), -1)

        return leave
