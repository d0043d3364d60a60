"""WebSocket: ``GET /ws``.

The route is flask-sock's; under gunicorn the socket is ours. simple-websocket's Server sends without a lock, lets its
buffers grow and needs a greenlet and a thread per session. So websocket_door.py answers the handshake, takes the
connection over from gunicorn, and ends the request. Under other servers (``flask run``) flask-sock's Server carries the
session (sock_connection.py).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask, g, request
from flask_sock import Sock
from werkzeug.routing.exceptions import WebsocketMismatch

from app.api.caller import address
from app.config import Settings
from app.core.caller import Caller
from app.core.errors import NotFound, ParleyError
from app.core.networks import network_of
from app.core.ws_handshake import UpgradeRefused, tokens
from app.errors_http import problem_response
from app.gateway.gateway import Gateway
from app.services.auth.authenticate import Authenticator
from app.transports.command_session import CommandServices
from app.transports.connection import Connection
from app.transports.connection_protocol import Limits
from app.transports.flusher import Flusher
from app.transports.plain_door import PLAIN_DOOR, PlainDoor
from app.transports.sock_connection import SockConnection, server_options, sock_view
from app.transports.take_over import can_take_over
from app.transports.websocket_door import PATH, REFUSAL, Doorkeeper, Handshake, WebSocketDoor
from app.transports.websocket_session import ServedSession, WebSocketSession


class GatewaySock(Sock):  # type: ignore[misc]
    """flask-sock's registration of WebSocket routes, with our own handshake and session instead of its Server."""

    def route(self, path: str, bp: Any = None, **options: Any) -> Callable[[Callable[..., Any]], None]:
        def decorator(view: Callable[..., Any]) -> None:
            options["websocket"] = True
            (bp or self.bp or self.app).route(path, **options)(view)

        return decorator


def _with_one_upgrade(wsgi_app: Any) -> Any:
    """Routes a request whose ``Upgrade`` offers several protocols. Werkzeug expects only websocket."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        offered = environ.get("HTTP_UPGRADE")
        if offered is not None and "websocket" in tokens(offered):
            environ["HTTP_UPGRADE"] = "websocket"
        return wsgi_app(environ, start_response)

    return application


def _not_an_upgrade(_: WebsocketMismatch) -> Any:
    """Answers ``/ws`` without an upgrade, and an upgrade on another path (RFC 9110 section 15.5.22)."""
    if request.path == PATH:
        return _refusal("Upgrade to websocket.\n", 426, {"Upgrade": "websocket", "Connection": "Upgrade"})
    return problem_response(NotFound())


def _refusal(reason: str, status: int, headers: dict[str, str]) -> Any:
    """Leaves out hop-by-hop headers under servers that hold to PEP 3333: they refuse them from an application."""
    return reason, status, headers if can_take_over(request.environ) else {}


def install(
    app: Flask,
    gateway: Gateway,
    services: CommandServices,
    settings: Settings,
    flusher: Flusher,
    limits: Limits,
    *,
    authenticator: Authenticator,
) -> None:
    """Routes ``/ws``."""
    app.register_error_handler(WebsocketMismatch, _not_an_upgrade)
    app.config.setdefault("SOCK_SERVER_OPTIONS", server_options(settings.ping_seconds))
    doorkeeper = Doorkeeper(gateway, authenticator, settings)
    parts: dict[str, Any] = {
        "registry": gateway.sessions,
        "streams": gateway.streams,
        "services": services,
        "settings": settings,
    }

    def open_session(socket: Any, early: bytes, caller: Caller | None, leave: Callable[[], None]) -> None:
        connect = partial(Connection, socket, flusher=flusher, limits=limits)
        WebSocketSession(connect, early, caller, leave_door=leave, **parts)

    def serve(server: Any) -> None:
        connect = partial(SockConnection, limits=limits, server=server)
        leave = doorkeeper.newcomers.enter(network_of(address()))
        ServedSession(connect, b"", g.socket_caller, leave_door=leave, **parts).serve()

    sock = GatewaySock(app)
    served = sock_view(sock, PATH, serve)

    @sock.route(PATH)
    def websocket() -> Any:
        """Answers handshakes that the door has refused, and opens sessions under other servers than gunicorn."""
        try:
            if REFUSAL in request.environ:
                raise request.environ[REFUSAL]
            _, g.socket_caller = doorkeeper.check(Handshake.of(request), network_of(address()))
        except UpgradeRefused as refused:
            return _refusal(refused.reason, refused.status, refused.headers)
        except ParleyError as error:
            return problem_response(error)
        return served()

    door = WebSocketDoor(_with_one_upgrade(app.wsgi_app), doorkeeper, open_session)
    app.extensions[PLAIN_DOOR] = PlainDoor(door, settings.trusted_proxies)
    app.wsgi_app = door  # type: ignore[method-assign]
