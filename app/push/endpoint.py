"""Rules for the endpoints of push subscriptions: strangers provide these URLs, and this server calls them.

* The URL must be https on port 443, without user and fragment, and its host must be on the allow-list.
* The IP address must be public. It is checked when the connection is made, and the connection goes to the checked
  address. A name that resolves to a different address a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HTTPS_PORT = 443
# Forbidden beside what the ipaddress module calls private in every supported Python: addresses that a gateway
# translates to any IPv4 address (NAT64, 6to4 relays), site-local and documentation networks, and addresses of cloud
# providers that look public and show the secrets of a machine.
NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/23", "3fff::/20", "5f00::/16", "fec0::/10", "192.88.99.0/24",
         "192.0.0.0/24", "168.63.129.16/32"),
    )
)  # fmt: skip


class ForbiddenEndpointError(ValueError):
    """The endpoint must not be called. The message gives the reason and contains no part of the endpoint."""


class EndpointRules(NamedTuple):
    """``hosts`` are names, ``*.name`` for all subdomains, or ``*`` for every host.

    ``loopback`` is a setting for tests. It permits http and https on any port of this machine's loopback address, and
    no other address that is not public.
    """

    hosts: tuple[str, ...]
    loopback: bool = False


def check_endpoint(endpoint: str, rules: EndpointRules) -> str:
    """Returns the host in lower case. Raises ForbiddenEndpointError. Does not resolve the name."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise ForbiddenEndpointError("not a URL") from None
    host = (parts.hostname or "").lower().rstrip(".")
    if not endpoint.isascii() or any(character <= " " or character in "\\\x7f" for character in endpoint):
        raise ForbiddenEndpointError("contains characters that are invalid in a URL")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise ForbiddenEndpointError("must have a host, and neither user nor fragment")
    if rules.loopback and is_loopback_name(host):
        return host
    if parts.scheme != "https" or port not in (None, HTTPS_PORT):
        raise ForbiddenEndpointError("must be https on port 443")
    if not any(_matches(host, pattern) for pattern in rules.hosts):
        raise ForbiddenEndpointError("the host is not on the list of push services")
    return host


def _matches(host: str, pattern: str) -> bool:
    if pattern == "*":
        return "." in host and not _is_address(host)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host == pattern


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback_name(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_forbidden_literal(host: str) -> bool:
    """Returns whether the host is an IP address, in any form that resolvers read (``127.1``, ``0x7f000001``), to which
    this server may not connect. A name is checked when it is called.
    """
    literal = host
    if not _is_address(host.split("%", maxsplit=1)[0]):
        try:
            literal = socket.inet_ntoa(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return False
    return not may_call(literal, loopback=False)


def may_call(address: str, *, loopback: bool) -> bool:
    """Returns True if this server may connect to the IP address."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    ip = mapped or ip
    if any(ip in network for network in NOT_PUBLIC):
        return False
    if ip.is_loopback:
        return loopback
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def connect_checked(host: str, port: int, timeout: float | None, *, loopback: bool) -> socket.socket:
    """Connects to the first address of ``host`` that answers.

    Raises ForbiddenEndpointError if one of its addresses is forbidden or if the name is malformed, OSError if none
    answers.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # a part of the name is empty or longer than 63 characters
        raise ForbiddenEndpointError("the host is not a name") from None
    allowed = [entry for entry in found if may_call(str(entry[4][0]), loopback=loopback)]
    if len(allowed) < len(found) or not allowed:
        # No push service has a private address beside its public ones by mistake, so the whole name is refused.
        raise ForbiddenEndpointError("resolves to an address that is not public")
    return _connect_first(allowed, timeout)


def _connect_first(found: Sequence[Any], timeout: float | None) -> socket.socket:
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, where in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout)
            connection.connect(where)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure
