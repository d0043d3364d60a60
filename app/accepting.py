"""Accepts connections. Until the first bytes of one have arrived, it is a raw socket and a watcher of the event loop.

Most connections begin with the handshake of a WebSocket. They get neither a socket of gevent nor a greenlet of their
own, which were a sixth of the cost of a join (docs/decisions/measurements.md). gunicorn imports this before gevent
patches the process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import socket as stdlib_socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from gevent.server import StreamServer
from gevent.socket import socket as gevent_socket

from app.admission import Ticket
from app.core.plain_handshake import MAX_HEAD_BYTES, Found, read_plain_handshake
from app.transports.take_over import RawSocket

SWEEP_SECONDS = 1.0


class Reception(Protocol):
    """What a server does with its connections. ``run_soon`` runs a function in a greenlet."""

    def admit(self, address: Any) -> Ticket | None: ...
    def greet(self, server: Server, visitor: Visitor, found: Found) -> None: ...
    def run_soon(self, act: Callable[[], None]) -> None: ...


class Visitor(NamedTuple):
    """A connection that was admitted, and is not served yet."""

    client: Any  # a raw socket that does not block
    address: Any
    ticket: Ticket
    began: float


class Server(StreamServer):  # type: ignore[misc]
    """Offers connections that begin with a plain handshake to ``reception.greet``. All others are served in a greenlet
    by ``handle(socket, address, ticket)``; the ticket is None if there is no room.

    A connection that sends nothing within ``patience`` seconds is closed.
    """

    def __init__(self, listener: Any, *, handle: Any, spawn: Any, reception: Reception, patience: float) -> None:
        super().__init__(listener, handle=handle, spawn=spawn)
        self._reception = reception
        self._patience = patience
        self._kind = (self.socket.family, stdlib_socket.SOCK_STREAM, self.socket.proto)
        self._serve_by = (self._spawn, handle)  # gevent's server forgets them when it is closed
        self.silent: dict[Visitor, Any] = {}  # those who have sent nothing, oldest first, with their watchers
        self._sweeper = self.loop.timer(SWEEP_SECONDS, SWEEP_SECONDS)

    def do_read(self) -> Any:
        try:
            return self.socket._accept()
        except BlockingIOError:
            return None

    def do_handle(self, descriptor: int, address: Any) -> None:
        client = RawSocket(*self._kind, fileno=descriptor)
        client.setblocking(False)
        ticket = self._reception.admit(address)
        if ticket is None:
            self.serve(client, address, None)
        else:
            self._look(Visitor(client, address, ticket, time.monotonic()))

    def _look(self, visitor: Visitor) -> None:
        """Looks at what has arrived, and leaves it there for whoever serves the connection."""
        try:
            begun = visitor.client.recv(MAX_HEAD_BYTES, stdlib_socket.MSG_PEEK)
        except BlockingIOError:
            self._wait_for(visitor)
            return
        except OSError:
            begun = b""
        found = read_plain_handshake(begun)
        if not begun:
            dismiss(visitor)
        elif found is None:
            self.serve(*visitor[:3])
        else:
            self._reception.greet(self, visitor, found)

    def _wait_for(self, visitor: Visitor) -> None:
        if not self.silent:
            self._sweeper.start(self._sweep)
        watcher = self.silent[visitor] = self.loop.io(visitor.client.fileno(), 1)
        watcher.start(self._readable, visitor)

    def _readable(self, visitor: Visitor) -> None:
        self._stop_waiting(visitor)
        self._look(visitor)

    def _stop_waiting(self, visitor: Visitor) -> None:
        watcher = self.silent.pop(visitor)
        watcher.stop()
        watcher.close()
        if not self.silent:
            self._sweeper.stop()

    def _sweep(self) -> None:
        before = time.monotonic() - self._patience
        for visitor in list(self.silent):
            if visitor.began > before:
                break
            self._stop_waiting(visitor)
            dismiss(visitor)

    def serve(self, client: Any, address: Any, ticket: Ticket | None) -> None:
        """Serves a raw socket in a greenlet of the pool. Never blocks."""
        if self.pool.full():
            self._reception.run_soon(lambda: self._serve(client, address, ticket))
        else:
            self._serve(client, address, ticket)

    def _serve(self, client: Any, address: Any, ticket: Ticket | None) -> None:
        spawn, handle = self._serve_by
        spawn(_handle_and_close, handle, gevent_socket(*self._kind, fileno=client.detach()), address, ticket)

    def close(self) -> None:
        """Accepts no more connections. Those that have sent nothing yet are served like any other."""
        for visitor in list(self.silent):
            self._stop_waiting(visitor)
            self.serve(*visitor[:3])
        super().close()


def dismiss(visitor: Visitor) -> None:
    """Closes a connection that is not served."""
    visitor.client.close()
    visitor.ticket.aside()


def _handle_and_close(handle: Any, socket: Any, address: Any, ticket: Ticket | None) -> None:
    try:
        handle(socket, address, ticket)
    finally:
        socket.close()
