"""Reference clients: small, blocking, thread-based. They follow docs/protocol.md and share no code with the server."""

from __future__ import annotations

from tests.support.clients.base import Event, EventClient, Refused
from tests.support.clients.host import HostClient
from tests.support.clients.poll import PollClient
from tests.support.clients.rest import Account, RestClient, register
from tests.support.clients.sse import SseClient
from tests.support.clients.ws import HandshakeRefused, WsClient

TRANSPORTS: dict[str, type[EventClient]] = {"ws": WsClient, "sse": SseClient, "poll": PollClient}

__all__ = [
    "TRANSPORTS",
    "Account",
    "Event",
    "EventClient",
    "HandshakeRefused",
    "HostClient",
    "PollClient",
    "Refused",
    "RestClient",
    "SseClient",
    "WsClient",
    "register",
]
