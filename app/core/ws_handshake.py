"""The opening handshake, server side (RFC 6455, sections 4.2 and 4.4), without extensions and subprotocols.

Pure: the caller parses the request. Offers in ``Sec-WebSocket-Extensions`` and ``Sec-WebSocket-Protocol`` are not
answered, which declines them (sections 4.2.2 and 9.1). Compression would keep zlib state for every session.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_VERSION = "13"
_HTTP_VERSION = re.compile(r"HTTP/(\d+)\.(\d+)", re.ASCII)


class UpgradeRefused(Exception):
    """The request cannot become a WebSocket. The caller answers ``status`` with ``headers`` and ``reason``."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


def accept_key(key: str) -> str:
    """Returns the ``Sec-WebSocket-Accept`` for a ``Sec-WebSocket-Key`` (section 4.2.2, step 5.4)."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def check_upgrade(method: str, http_version: str, headers: Mapping[str, str]) -> str:
    """Returns the client's key. Raises UpgradeRefused if the request may not become a WebSocket (section 4.2.1).

    ``http_version`` is like ``HTTP/1.1``. Names in ``headers`` are compared without case; repeated headers must be
    joined by commas. ``Origin`` is not checked here.
    """
    values = {name.lower(): value.strip() for name, value in headers.items()}
    _check_request_line(method, http_version)
    if not values.get("host"):
        raise UpgradeRefused(400, "Host is missing")
    _check_tokens(values)
    _check_version(values.get("sec-websocket-version", ""))
    return _checked_key(values.get("sec-websocket-key", ""))


def build_response(accept: str) -> bytes:
    """Returns the complete 101 response. The next byte belongs to the first frame."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n"
        "\r\n"
    ).encode("ascii")


def _check_request_line(method: str, http_version: str) -> None:
    if method != "GET":
        raise UpgradeRefused(405, "a WebSocket opens with GET", {"Allow": "GET"})
    version = _HTTP_VERSION.fullmatch(http_version)
    if version is None or (int(version[1]), int(version[2])) < (1, 1):
        raise UpgradeRefused(400, "a WebSocket needs HTTP/1.1")


def _check_tokens(values: Mapping[str, str]) -> None:
    if "websocket" not in tokens(values.get("upgrade", "")):
        raise UpgradeRefused(400, "Upgrade does not name websocket", {"Upgrade": "websocket"})
    if "upgrade" not in tokens(values.get("connection", "")):
        raise UpgradeRefused(400, "Connection does not name Upgrade")


def tokens(value: str) -> set[str]:
    """Returns the elements of a comma-separated header in lower case."""
    return {token.strip().lower() for token in value.split(",")}


def _check_version(version: str) -> None:
    if not version:
        raise UpgradeRefused(400, "Sec-WebSocket-Version is missing")
    if version != _VERSION:
        raise UpgradeRefused(426, "only WebSocket version 13", {"Sec-WebSocket-Version": _VERSION})


def _checked_key(key: str) -> str:
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raise UpgradeRefused(400, "Sec-WebSocket-Key is not base64") from None
    if len(nonce) != 16:
        raise UpgradeRefused(400, "Sec-WebSocket-Key is not 16 bytes")
    return key
