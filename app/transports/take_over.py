"""Takes sockets over from gunicorn, after the handshake of a session."""

from __future__ import annotations

import socket as stdlib_socket
from typing import Any

from gevent.monkey import get_original

RawSocket: Any = get_original("socket", "socket")

# gevent has made the descriptor non-blocking already. 0 where the flag does not exist (macOS).
_NON_BLOCKING = getattr(stdlib_socket, "SOCK_NONBLOCK", 0)


def can_take_over(environ: dict[str, Any]) -> bool:
    """Returns whether the request came through gunicorn, without TLS of its own (TLS ends at the router in front)."""
    socket = environ.get("gunicorn.socket")
    return socket is not None and type(socket).__name__ != "SSLSocket"


def take_over(environ: dict[str, Any]) -> tuple[Any, bytes]:
    """Returns the request's socket as a raw socket, and the bytes that the client sent after the request.

    The descriptor is moved, not duplicated. With a duplicate, epoll would go on reporting gunicorn's closed descriptor,
    and libev would respond by registering every descriptor of the process again. Raises RuntimeError under another
    server, and if the server itself speaks TLS (TLS ends at the router in front).
    """
    if not can_take_over(environ):
        raise RuntimeError("only a socket of gunicorn without TLS can be taken over")
    ours = raw_socket(environ["gunicorn.socket"])
    reader = getattr(environ.get("wsgi.input"), "reader", None)
    unreader = getattr(reader, "unreader", None)
    return ours, unreader.take_buffered() if unreader is not None else b""


def raw_socket(socket: Any) -> Any:
    """Moves the descriptor of a connection into a raw socket that does not block. A raw socket stays as it is."""
    ours = socket if isinstance(socket, RawSocket) else _moved(socket)
    ours.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
    return ours


def _moved(socket: Any) -> Any:
    # With a family, a type and a protocol, Python does not ask the kernel for them.
    kind = stdlib_socket.SOCK_STREAM | _NON_BLOCKING
    ours = RawSocket(socket.family, kind, socket.proto, fileno=socket.detach())
    if not _NON_BLOCKING:
        ours.setblocking(False)
    return ours
