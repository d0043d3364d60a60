"""Networks of clients, as limits count them."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """Returns the IPv4 address, or the /64 network of an IPv6 address, since one customer has at least that many."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)
