"""Bounds the WebSockets that have not joined: anybody can open them, so they must not take the room of sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from app.core.errors import Overloaded

RETRY_SECONDS = 5.0


class Newcomers:
    """Counts by network: an IPv4 address, or a /64 of IPv6."""

    def __init__(self, most: int, most_per_network: int) -> None:
        self._most = most
        self._most_per_network = most_per_network
        self._by_network: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def check_room(self, network: str) -> None:
        """Raises Overloaded if too many sockets, of all or of this network, have not joined."""
        if self._total >= self._most or self._by_network[network] >= self._most_per_network:
            raise Overloaded("Too many connections that have not joined.", retry_after=RETRY_SECONDS)

    def enter(self, network: str) -> Callable[[], None]:
        """Counts one socket. Returns the function that ends that; calling it again does nothing."""
        self._by_network[network] += 1
        self._total += 1
        inside = [network]

        def leave() -> None:
            if inside:
                self._leave(inside.pop())

        return leave

    def _leave(self, network: str) -> None:
        self._total -= 1
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]
