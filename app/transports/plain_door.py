"""Opens WebSockets whose handshake is plain (app/core/plain_handshake.py), before the server has parsed a request.

Parsing, the environ and the calls around the application were a third of the cost of a join
(docs/decisions/measurements.md). The checks are those of the door behind them. A handshake that is refused, or that is
not plain, goes the usual way: it is parsed, checked, answered and logged there.
"""

from __future__ import annotations

import os
from typing import Any

from app.core.plain_handshake import MAX_FIELDS, MAX_HEAD_BYTES
from app.transports.websocket_door import Handshake, WebSocketDoor

# Names in ``app.extensions``
PLAIN_DOOR = "parley.plain_door"
OUTERMOST = "parley.outermost"  # the outermost middleware of our own


class PlainDoor:
    def __init__(self, door: WebSocketDoor, trusted_proxies: int) -> None:
        self._door = door
        self._behind_proxies = trusted_proxies > 0

    def open(self, client: Any, size: int, fields: dict[str, str], address: str) -> bool:
        """Returns False if the server must parse the request: its bytes are still to be read then. May block."""
        scheme = fields.get("x-forwarded-proto", "http")
        if scheme not in ("http", "https") or ("x-forwarded-proto" in fields and not self._behind_proxies):
            return False
        handshake = Handshake("GET", "HTTP/1.1", fields, lambda: f"{scheme}://{fields['host']}")
        return self._door.open_plain(client, size, handshake, address)


def plain_door_of(application: Any, cfg: Any) -> PlainDoor | None:
    """Returns the door of gunicorn's application. Returns None if a host has put another application or middleware in
    front of ours, or if gunicorn's settings give requests another meaning or tighter bounds.
    """
    extensions = getattr(application, "extensions", {})
    in_front = extensions.get(OUTERMOST)
    door: PlainDoor | None = extensions.get(PLAIN_DOOR)
    is_ours = in_front is not None and application.wsgi_app is in_front
    return door if is_ours and _reads_plainly(cfg) else None


def _reads_plainly(cfg: Any) -> bool:
    return (
        not cfg.is_ssl
        and cfg.proxy_protocol == "off"
        and cfg.keepalive > 0
        and cfg.limit_request_fields >= MAX_FIELDS
        and cfg.limit_request_field_size >= MAX_HEAD_BYTES - 2
        and not os.environ.get("SCRIPT_NAME")
    )
