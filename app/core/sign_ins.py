"""The origin of a sign-in: a short name of the device, and the address without the part that identifies a household."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

MAX_DEVICE_NAME = 80

# In order: many browsers name others as well. Chrome's text contains Safari, Edge's contains Chrome.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"[A-Za-z][\w.-]{0,40}")


class Origin(NamedTuple):
    """The origin of a sign-in. Both fields are None if unknown."""

    device_name: str | None = None
    network: str | None = None


def origin_of(user_agent: str, address: str) -> Origin:
    return Origin(device_name_of(user_agent), shortened(address))


def device_name_of(user_agent: str) -> str | None:
    """Returns "Firefox on Linux" for a browser, and the name of the program otherwise."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    product = _PRODUCT.match(user_agent)
    return browser or system or (product.group() if product else None)


def shortened(address: str) -> str | None:
    """Returns the first three numbers of an IPv4 address, or the /48 network of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if isinstance(ip, ipaddress.IPv4Address):
        return f"{str(ip).rpartition('.')[0]}.x"
    return str(ipaddress.ip_network((int(ip), 48), strict=False))
