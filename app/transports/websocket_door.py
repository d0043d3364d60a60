"""Opens WebSockets before Flask, whose routing and hooks are a large part of the cost of a join
(docs/decisions/measurements.md).

If a handshake is refused, the door notes the refusal in the environ and passes the request on to the route in
websocket.py. So it is answered, logged and counted in the metrics like any other request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from werkzeug import Request

from app.api.caller import caller_of
from app.api.check_origin import check_origin
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
from app.transports.take_over import can_take_over, take_over

access_log = logging.getLogger("parley.access")

PATH = "/ws"
REFUSAL = "parley.websocket_refusal"  # the key of the exception in the environ

# Called with the raw socket, the bytes that came after the handshake, the caller, and a function to call at ``join``.
OpenSession = Callable[[Any, bytes, Caller | None, Callable[[], None]], None]


class Doorkeeper:
    """Checks handshakes, in every server."""

    def __init__(self, gateway: Gateway, authenticator: Authenticator, settings: Settings) -> None:
        self._gateway = gateway
        self._authenticator = authenticator
        self._settings = settings
        self.newcomers = Newcomers(settings.max_unjoined, settings.max_unjoined_per_address)

    def check(self, request: Request, network: str) -> tuple[str, Caller | None]:
        """Returns the client's key and, if the handshake names one, its caller. ``network`` is the client's. A ticket
        is used up. May block. Raises UpgradeRefused (app/core/ws_handshake.py) and any ParleyError.
        """
        self._gateway.start()
        REFUSALS.wait(network)
        check_origin(request, self._settings)
        key = check_upgrade(request.method, request.environ["SERVER_PROTOCOL"], dict(request.headers))
        caller = caller_of(request, self._authenticator, allow_ticket=True)
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
        adopt_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        address = environ.get("REMOTE_ADDR", "")
        set_address(address)
        network = network_of(address)
        try:
            key, caller = self._doorkeeper.check(Request(environ), network)
        except Exception as refusal:  # noqa: BLE001 - the route raises it, and Flask answers and logs it
            environ[REFUSAL] = refusal
            return self._app(environ, start_response)
        self._open(environ, key, caller, network)
        raise StopIteration  # gunicorn has nothing left to write

    def _open(self, environ: dict[str, Any], key: str, caller: Caller | None, network: str) -> None:
        socket, early = take_over(environ)
        try:
            socket.send(build_response(accept_key(key)))
        except OSError:  # the client has reset the connection
            socket.close()
            return
        access_log.debug("GET /ws", extra={"status": 101})  # the session's own lines follow, and they have more details
        self._open_session(socket, early, caller, self._doorkeeper.newcomers.enter(network))
