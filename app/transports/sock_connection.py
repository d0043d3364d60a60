"""WebSocket sessions over flask-sock's Server: ``flask run`` and other servers whose socket we cannot take over.

This is for development and for small deployments under a host's server. A session costs two greenlets and
simple-websocket's parser, about twenty times the work of a connection that was taken over. Three faults of
simple-websocket 1.1 are worked around here: it writes with a single unguarded ``send``, so frames could be cut or
interleaved; it accepts permessage-deflate from everyone; and its input buffer is unbounded.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from flask import request
from flask_sock import Sock
from gevent.lock import RLock
from simple_websocket import ConnectionClosed

from app.core.close_codes import CloseCode
from app.core.commands import MAX_FRAME_BYTES
from app.core.ws_codec import OP_CLOSE, parse_close
from app.transports.connection_protocol import Limits, Owner
from app.transports.queued_connection import QueuedConnection

MAX_BUFFERED_MESSAGES = 256
CLOSE_SECONDS = 5.0  # how long the last frames may take
IDLE_SECONDS = 1.0  # how often an idle read loop checks that the session still goes on

View = Callable[..., Any]
Message = str | bytes


class SockConnection(QueuedConnection):
    """Writes a session's frames through flask-sock's Server, in a greenlet of its own."""

    def __init__(self, owner: Owner, limits: Limits, server: Any) -> None:
        super().__init__(owner, limits)
        server.sock = WholeWrites(server.sock)
        self._server = server
        self._writer = gevent.spawn(self._write)

    def messages(self) -> Iterator[Message]:
        """Yields the client's messages until the connection is over."""
        try:
            while self.is_open:
                if self._too_many_waiting():
                    return
                message = self._server.receive(timeout=IDLE_SECONDS) if self.wait_to_read(IDLE_SECONDS) else None
                if message is not None:
                    yield message
        except ConnectionClosed:
            return
        finally:
            self._end()

    def _too_many_waiting(self) -> bool:
        too_many = len(self._server.input_buffer) > MAX_BUFFERED_MESSAGES
        if too_many:
            self._server.close(CloseCode.TRY_AGAIN_LATER, "too many messages at once")
        return too_many

    def _end(self) -> None:
        """Lets the writer finish, then closes the socket, because werkzeug would write an HTTP response after the last
        frame.
        """
        if self._closing:
            self._writer.join(timeout=CLOSE_SECONDS)
        self.abort()
        with contextlib.suppress(ConnectionClosed, OSError):
            self._server.close()
        with contextlib.suppress(OSError):
            self._server.sock.shutdown(socket.SHUT_WR)

    def _write(self) -> None:
        try:
            while (frame := self.next_block()) is not None:
                opcode, payload = split_frame(frame)
                if opcode == OP_CLOSE:
                    self._server.close(*parse_close(payload))
                else:
                    self._server.send(payload.decode())
        except (ConnectionClosed, OSError):
            pass  # the client is gone, and ``on_closed`` says so
        self.abort()


class WholeWrites:
    """A socket whose ``send`` writes all of its data, for one caller at a time."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._lock = RLock()

    def send(self, data: bytes) -> int:
        """Raises OSError if the client is gone."""
        with self._lock:
            self._socket.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _ViewHolder:
    """Stands in for a blueprint: keeps the view that flask-sock makes, instead of routing it."""

    view: View

    def route(self, _path: str, **_options: Any) -> Callable[[View], None]:
        def keep(view: View) -> None:
            self.view = view

        return keep


def sock_view(sock: Sock, path: str, serve: Callable[[Any], None]) -> View:
    """Returns flask-sock's view for ``serve(server)``: it answers the handshake, and closes the socket at the end.

    Under a WSGI server that gives no access to its socket (waitress, for example) the view answers 501.
    """
    holder = _ViewHolder()
    Sock.route(sock, path, bp=holder)(serve)

    def view() -> Any:
        # Without an offer there is no compression: zlib's state would cost 90 KiB for each connection.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        try:
            return holder.view()
        except RuntimeError:  # raised by simple-websocket before anything was written
            return "This server does not support WebSocket. Use server-sent events or long-poll.\n", 501

    return view


def server_options(ping_seconds: float) -> dict[str, Any]:
    """Returns flask-sock's SOCK_SERVER_OPTIONS: its Server sends pings, and bounds what it buffers of a message.

    Its bound is above the contract's, because past it the Server closes the socket with unread data, and the reset can
    overtake the close frame. The session itself refuses messages over MAX_FRAME_BYTES.
    """
    return {"ping_interval": ping_seconds, "max_message_size": 4 * MAX_FRAME_BYTES}


def split_frame(frame: bytes) -> tuple[int, bytes]:
    """Returns the opcode and the payload of one unmasked, unfragmented frame (RFC 6455 section 5.2)."""
    opcode, length = frame[0] & 0x0F, frame[1] & 0x7F
    start = 2
    if length == 126:
        (length,), start = struct.unpack_from("!H", frame, 2), 4
    elif length == 127:
        (length,), start = struct.unpack_from("!Q", frame, 2), 10
    return opcode, frame[start : start + length]
