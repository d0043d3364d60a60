"""Networks of clients, as limits count them."""

from __future__ import annotations

import ipaddress
from collections import Counter
from functools import lru_cache


@lru_cache(maxsize=4096)  # a gateway needs it several times for each connection
def network_of(address: str) -> str:
    """Returns the IPv4 address, or the /64 network of an IPv6 address, because one customer has at least that many
    addresses.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)


class NetworkCounter:
    """Counts connections in all and per network. If ``limit_per_network`` is None, networks have no limit; the network
    ``unlimited`` never has one.
    """

    __slots__ = ("_by_network", "_limit", "_limit_per_network", "_total", "_unlimited")

    def __init__(self, limit: int, limit_per_network: int | None, unlimited: str | None = None) -> None:
        self._unlimited = unlimited
        self._limit = limit
        self._limit_per_network = limit_per_network
        self._by_network: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def has_room(self, network: str) -> bool:
        per_network = None if network == self._unlimited else self._limit_per_network
        return self._total < self._limit and (per_network is None or self._by_network[network] < per_network)

    def add(self, network: str, change: int) -> None:
        self._total += change
        self._by_network[network] += change
        if not self._by_network[network]:
            del self._by_network[network]
