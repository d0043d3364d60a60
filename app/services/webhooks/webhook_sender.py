"""Sends one delivery: signs it, posts it, and returns the result."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Literal, NamedTuple

from app.config import Settings
from app.core.errors import Invalid
from app.core.webhook_signature import key_of, signed_headers
from app.core.webhooks import checked_address, is_private
from app.push.endpoint import connect_checked
from app.push.guarded_pools import GuardedPools

TIMEOUT_SECONDS = 10.0
GONE_STATUS = 410
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Sent(NamedTuple):
    """``gone``: the receiver wants no further deliveries."""

    result: Literal["delivered", "gone", "failed"]
    status: int = 0
    error: str = ""


def private_hosts(settings: Settings) -> tuple[str, ...]:
    """Returns the hosts that may have private addresses. In development, they include this machine."""
    own = () if settings.production else _LOOPBACK
    return (*settings.webhook_private_hosts, *own)


class WebhookSender:
    """Threads may share it."""

    def __init__(self, private: Sequence[str], *, connections: int) -> None:
        self._private = tuple(private)
        self._pools = GuardedPools(self._connect, seconds=TIMEOUT_SECONDS, connections=connections)

    def send(self, url: str, secret: str, id_: str, body: bytes, *, now_ms: int) -> Sent:
        """Never raises. ``now_ms`` is the time that is signed."""
        try:
            checked_address(url, self._private)  # the private hosts may have changed since
            headers = signed_headers(key_of(secret), id_, now_ms // 1000, body)
        except (Invalid, ValueError):
            return Sent("failed", error="the address or the secret is not valid")
        answer = self._pools.post(url, body, headers)
        if 200 <= answer.status < 300:
            return Sent("delivered", answer.status)
        if answer.status == GONE_STATUS:
            return Sent("gone", answer.status, "gone")
        return Sent("failed", answer.status, answer.reason or f"status {answer.status}")

    def cut_overdue(self) -> None:
        """Aborts requests that take too long in total. Call it about once a second."""
        self._pools.deadlines.cut()

    def close(self) -> None:
        self._pools.close()

    def _connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        if is_private(host.lower().rstrip("."), self._private):
            return socket.create_connection((host, port), timeout)
        return connect_checked(host, port, timeout, loopback=False)
