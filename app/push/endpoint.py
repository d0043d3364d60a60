"""Endpoints of push subscriptions are addresses that a stranger names and this server calls. What it may call:

* https on port 443, without user or fragment, at a host on the allow-list;
* an address that is public, looked at when the connection is made, which goes to that very address: a name that
  resolves to another one a moment later gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HTTPS_PORT = 443


class ForbiddenEndpointError(ValueError):
    """Not an address to call. The message says why, and holds nothing of the address."""


class EndpointRules(NamedTuple):
    """``hosts``: names, ``*.name`` for all below one, ``*`` for any. ``loopback``: a test setting, lets in http and
    https on any port of this machine's loopback, and nothing else that is not public.
    """

    hosts: tuple[str, ...]
    loopback: bool = False


def check_endpoint(endpoint: str, rules: EndpointRules) -> str:
    """Its host, lower-cased. Raise ForbiddenEndpointError. ImageInfo nothing up."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise ForbiddenEndpointError("not an address") from None
    host = (parts.hostname or "").lower().rstrip(".")
    if not endpoint.isascii() or any(character <= " " or character in "\\\x7f" for character in endpoint):
        raise ForbiddenEndpointError("holds characters that no address has")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise ForbiddenEndpointError("not a plain address")
    if rules.loopback and is_loopback_name(host):
        return host
    if parts.scheme != "https" or port not in (None, HTTPS_PORT):
        raise ForbiddenEndpointError("not https on port 443")
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


def may_call(address: str, *, loopback: bool) -> bool:
    """Whether this IP address is one to connect to."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    ip = mapped or ip
    if ip.is_loopback:
        return loopback
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def connect_checked(host: str, port: int, timeout: float | None, *, loopback: bool) -> socket.socket:
    """A connection to an address of ``host`` that may be called; of several, the first that answers. Raise
    ForbiddenEndpointError where it has none, OSError where none answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [entry for entry in found if may_call(str(entry[4][0]), loopback=loopback)]
    if len(allowed) < len(found) or not allowed:
        # One private address among public ones is no mistake of a push service.
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
