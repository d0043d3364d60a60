"""Opens WebSockets before Flask, whose routing and hooks are a large part of the cost of a join
(docs/decisions/measurements.md).

If a handshake is refused, the door notes the refusal in the environ and passes the request on to the route in
websocket.py. So it is answered, logged and counted in the metrics like any other request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from werkzeug import Request

from app.api.caller import caller_of
from app.api.check_origin import own_origin, refuse_origin
from app.api.requests import adopt_request_id
from app.config import Settings
from app.core.caller import Caller
from app.core.networks import network_of
from app.core.ws_handshake import accept_key, build_response, check_upgrade
from app.current_request import set_address
from app.gateway.gateway import Gateway
from app.refusals import REFUSALS
from app.services.auth.authenticate import Authenticator
from app.transports.newcomers import Newcomers
from app.transports.take_over import can_take_over, raw_socket, take_over

access_log = logging.getLogger("parley.access")

PATH = "/ws"
REFUSAL = "parley.websocket_refusal"  # the key of the exception in the environ

# Called with the raw socket, the bytes that came after the handshake, the caller, and a function to call at ``join``.
OpenSession = Callable[[Any, bytes, Caller | None, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the doorkeeper checks. ``headers`` have names in lower case. ``own_origin`` returns the server's origin."""

    method: str
    http_version: str
    headers: Mapping[str, str]
    own_origin: Callable[[], str]
    ticket: str | None = None

    @classmethod
    def of(cls, request: Request) -> Handshake:
        headers = {name.lower(): value for name, value in request.headers}
        ticket = None if "authorization" in headers else request.args.get("ticket")
        return cls(request.method, request.environ["SERVER_PROTOCOL"], headers, partial(own_origin, request), ticket)


class Doorkeeper:
    """Checks handshakes, in every server."""

    def __init__(self, gateway: Gateway, authenticator: Authenticator, settings: Settings) -> None:
        self._gateway = gateway
        self._authenticator = authenticator
        self._settings = settings
        self.newcomers = Newcomers(settings.max_unjoined, settings.max_unjoined_per_address)

    def check(self, handshake: Handshake, network: str) -> tuple[str, Caller | None]:
        """Returns the client's key and, if the handshake names one, its caller. ``network`` is the client's. A ticket
        is used up. May block. Raises UpgradeRefused (app/core/ws_handshake.py) and any ParleyError.
        """
        headers = handshake.headers
        self._gateway.start()
        REFUSALS.wait(network)
        refuse_origin(headers.get("origin"), handshake.own_origin, self._settings)
        key = check_upgrade(handshake.method, handshake.http_version, headers)
        caller = caller_of(headers.get("authorization"), handshake.ticket, self._authenticator)
        self._gateway.sessions.check_room()
        self.newcomers.check_room(network)
        return key, caller


class WebSocketDoor:
    """WSGI middleware. It is inside of ProxyFix, so ``REMOTE_ADDR`` is the client's address."""

    def __init__(self, app: Any, doorkeeper: Doorkeeper, open_session: OpenSession) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._open_session = open_session

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != PATH or "HTTP_UPGRADE" not in environ or not can_take_over(environ):
            return self._app(environ, start_response)
        address = environ.get("REMOTE_ADDR", "")
        network = _begin(environ.get("HTTP_X_REQUEST_ID", ""), address)
        try:
            key, caller = self._doorkeeper.check(Handshake.of(Request(environ)), network)
        except Exception as refusal:  # noqa: BLE001 - the route raises it, and Flask answers and logs it
            environ[REFUSAL] = refusal
            return self._app(environ, start_response)
        socket, early = take_over(environ)
        self._open(socket, early, key, caller, network)
        raise StopIteration  # gunicorn has nothing left to write

    def open_plain(self, client: Any, size: int, handshake: Handshake, address: str) -> bool:
        """Opens the session of a handshake that the server has only looked at: its ``size`` bytes are still to be read
        from the socket ``client``. Returns False if it is refused, with everything as it was. May block.
        """
        network = _begin(handshake.headers.get("x-request-id", ""), address)
        try:
            key, caller = self._doorkeeper.check(handshake, network)
        except Exception:  # noqa: BLE001 - the server's parser reads it again, and this door refuses it once more
            return False
        try:
            socket = raw_socket(client)
        except OSError:  # macOS sets no options of a connection that the client has reset
            client.close()
        else:
            self._open(socket, b"", key, caller, network, unread=size)
        return True

    def _open(
        self, socket: Any, early: bytes, key: str, caller: Caller | None, network: str, *, unread: int = 0
    ) -> None:
        try:
            if unread:
                socket.recv(unread)
            socket.send(build_response(accept_key(key)))
        except OSError:  # the client has reset the connection
            socket.close()
            return
        access_log.debug("GET /ws", extra={"status": 101})  # the session's own lines follow, and they have more details
        self._open_session(socket, early, caller, self._doorkeeper.newcomers.enter(network))


def _begin(request_id: str, address: str) -> str:
    """Notes the request for log lines. Returns the client's network."""
    adopt_request_id(request_id)
    set_address(address)
    return network_of(address)
