"""gunicorn's gevent worker, with bounds that hold against strangers.

* Connections are bounded per network and in all (admission.py). Beyond that, ``/healthz`` and ``/readyz`` are still
  answered, and everything else gets 503 at once. Behind TRUSTED_PROXIES, the network is that of the client behind the
  proxy, from the end of the headers to the end of the answer; a proxy must wait for the headers itself.
* The networks take turns: the process works on one read of a network at a time (request_turns.py). The loop
  accepts few connections in a turn, and of one network a bounded number per second; more count as if the process were
  full. Refusals wait for their turn (refusals.py).
* A body must arrive at a minimum pace. gunicorn's keep-alive timeout is the deadline for the headers.

gunicorn imports this before gevent patches the process, so nothing here imports Flask or a driver.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from gevent.baseserver import BaseServer
from gevent.server import StreamServer
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.ggevent import GeventWorker

from app.accepting import Server, Visitor
from app.admission import UNNAMED, Admission, Ticket
from app.core.keyed_rate import KeyedRate
from app.core.networks import network_of
from app.core.plain_handshake import Found
from app.refusals import REFUSALS
from app.refused_requests import error_for, full, not_ready, whole_answer
from app.request_turns import RequestTurns
from app.shared_greenlet import SharedGreenlet

POLLS = 20_000  # connections that step aside; MAX_SESSIONS bounds them
FULL_ANSWERS = 256  # at once; beyond this, connections are closed without an answer
FULL_ANSWER_SECONDS = 1.0
INTERNET = (socket.AF_INET, socket.AF_INET6)
ACCEPTED_PER_TURN = 16  # gevent's default of 100 lets sessions wait while all of them begin
# New connections of one network: many people behind one address may come back at once.
CONNECTIONS_PER_SECOND, CONNECTIONS_AT_ONCE = 100, 2000
REFUSALS_PER_SECOND = 10
# A process waits at most this long for a body, and a second more for each KiB that has arrived.
BODY_SECONDS = 35.0
BYTES_PER_SECOND = 1024

HEALTHY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    b'{"status":"ok"}'
)


class Worker(GeventWorker):  # type: ignore[misc]
    """``plain_door`` opens plain handshakes of the application (app/transports/plain_door.py); None if all requests go
    through gunicorn's parser. gunicorn.conf.py sets it.
    """

    plain_door: Any = None

    def init_process(self) -> None:
        limit: int = self.cfg.worker_connections
        self.proxies = int(os.environ.get("TRUSTED_PROXIES") or 0)
        self.admission = Admission(limit, limit // 2)
        per_second = float(os.environ.get("CONNECTIONS_PER_SECOND") or CONNECTIONS_PER_SECOND)
        self.connecting = KeyedRate(per_second, CONNECTIONS_AT_ONCE) if per_second > 0 else None
        REFUSALS.limit(float(os.environ.get("REFUSALS_PER_SECOND") or REFUSALS_PER_SECOND))
        self.turns = RequestTurns()
        self.greetings = SharedGreenlet()
        self.refusing = 0
        BaseServer.max_accept = ACCEPTED_PER_TURN
        self.worker_connections = limit + POLLS + FULL_ANSWERS
        super().init_process()

    def server_class(self, listener: Any, *, spawn: Any, ssl_context: Any = None, **_: Any) -> StreamServer:
        """Called by gunicorn for each listener."""
        if ssl_context is None and self.plain_door is not None and listener.family in INTERNET:
            handle = partial(self._handle_admitted, listener)
            server = Server(listener, handle=handle, spawn=spawn, reception=self, patience=self.cfg.keepalive)
        else:
            tls = {} if ssl_context is None else {"ssl_context": ssl_context}
            server = StreamServer(listener, handle=partial(self.handle, listener), spawn=spawn, **tls)
        if self.cfg.workers > 1:
            server.max_accept = 1  # as in gunicorn: the workers get equally many connections
        return server

    def admit(self, address: Any) -> Ticket | None:
        network = network_of(address[0]) if isinstance(address, tuple) else "unknown"
        return None if self._too_fast(network) else self.admission.admit(UNNAMED if self.proxies else network)

    def run_soon(self, act: Callable[[], None]) -> None:
        self.greetings.run(act)

    def greet(self, server: Server, visitor: Visitor, found: Found) -> None:
        """Opens the WebSocket of a handshake, in a greenlet that many share."""
        self.greetings.run(partial(self._open_or_serve, server, visitor, found))

    def _open_or_serve(self, server: Server, visitor: Visitor, found: Found) -> None:
        gevent.getcurrent().admission_ticket = visitor.ticket
        is_ours = True
        try:
            is_ours = self._open_plainly(visitor, found)
        finally:
            if is_ours:
                visitor.ticket.aside()
        if not is_ours:
            server.serve(visitor.client, visitor.address, visitor.ticket)

    def _open_plainly(self, visitor: Visitor, found: Found) -> bool:
        (fields, size), ticket, address = found, visitor.ticket, visitor.address[0]
        if self.proxies:
            address = forwarded_for(fields.get("x-forwarded-for", ""), self.proxies)
            if not ticket.name(network_of(address)):
                return False
        end_turn = self._begin_turn(ticket, "GET")
        try:
            return bool(self.plain_door.open(visitor.client, size, fields, address))
        finally:
            end_turn()
            if self.proxies:
                ticket.name(UNNAMED)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        self._handle_admitted(listener, client, addr, self.admit(addr))

    def _handle_admitted(self, listener: Any, client: Any, addr: Any, ticket: Ticket | None) -> None:
        if ticket is None:
            self._refuse(client)
            return
        gevent.getcurrent().admission_ticket = ticket
        try:
            super().handle(listener, client, addr)
        finally:
            ticket.aside()

    def timeout_ctx(self) -> Any:
        """Returns the deadline for a head. That of the first one began when the connection was admitted."""
        waited = gevent.getcurrent().admission_ticket.waited()
        return gevent.Timeout(max(self.cfg.keepalive - waited, 0.001), False)

    def _too_fast(self, network: str) -> bool:
        """Returns whether the network opens connections too fast. Those of our own proxies are not counted."""
        if self.proxies or self.connecting is None:
            return False
        return self.connecting.delay(network, time.monotonic()) > 0

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> Any:
        ticket: Ticket = gevent.getcurrent().admission_ticket
        if self.proxies and not ticket.name(network_of(forwarded_for(_forwarded(req.headers), self.proxies))):
            sock.sendall(full())
            raise StopIteration
        end_turn = self._begin_turn(ticket, req.method)
        req.unreader.pace = Pace()
        try:
            return super().handle_request(listener_name, req, sock, addr)
        finally:
            end_turn()
            req.unreader.pace = None
            if self.proxies:
                ticket.name(UNNAMED)

    def _begin_turn(self, ticket: Ticket, method: str) -> Callable[[], None]:
        """Returns when the request has its turn; the result ends it. Changes need none: their rates are limited."""
        if method not in ("GET", "HEAD"):
            return lambda: None
        end = partial(self.turns.end, self.turns.begin(ticket.network))
        ticket.when_aside = end
        return end

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        error = error_for(exc)
        if error is None:
            super().handle_error(req, client, addr, exc)
            return
        request_id = uuid.uuid4().hex
        self.log.warning("refused request %s from %s: %s", request_id, addr[0] if addr else "unknown", exc)
        with contextlib.suppress(OSError):
            client.sendall(whole_answer(error, request_id))

    def _refuse(self, client: Any) -> None:
        self.refusing += 1
        try:
            if self.refusing <= FULL_ANSWERS:
                answer_when_full(client, _missing)
        except OSError:
            pass  # the client said nothing in time, or is gone
        finally:
            self.refusing -= 1
            client.close()


def _missing() -> list[str]:
    from app.applications import missing_dependencies  # noqa: PLC0415 - after patching

    return missing_dependencies()


def answer_when_full(client: Any, missing: Callable[[], list[str]]) -> None:
    """Answers a connection that finds no room. Raises OSError if its request does not arrive in time."""
    client.settimeout(FULL_ANSWER_SECONDS)
    begun = client.recv(1024)
    if not begun:
        return
    method, _, rest = begun.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0] if method in (b"GET", b"HEAD") else b""
    if path.endswith(b"/healthz"):  # below any prefix
        client.sendall(HEALTHY)
    elif path.endswith(b"/readyz"):
        found = missing()
        client.sendall(not_ready(found) if found else HEALTHY)
    else:
        client.sendall(full())


def forwarded_for(value: str, proxies: int) -> str:
    """Returns the client's address as the outermost of our proxies saw it, or "" if fewer proxies named one."""
    addresses = [part.strip() for part in value.split(",")] if value else []
    return addresses[-proxies] if len(addresses) >= proxies else ""


def _forwarded(headers: list[tuple[str, str]]) -> str:
    return ",".join(value for name, value in headers if name == "X-FORWARDED-FOR")


class Pace:
    """The time that the process may still wait for one body."""

    def __init__(self) -> None:
        self._left = BODY_SECONDS

    def read(self, unreader: Any, size_hint: int | None) -> bytes:
        """Returns the bytes that arrive. If they are too slow, returns nothing, as if the client was gone."""
        began = time.monotonic()
        unreader.sock.settimeout(max(self._left, 0.001))
        try:
            data: bytes = read_chunk(unreader, size_hint)
        except TimeoutError:
            return b""
        finally:
            unreader.sock.settimeout(None)
        self._left += len(data) / BYTES_PER_SECOND - (time.monotonic() - began)
        return data


read_chunk = SocketUnreader.chunk


def _chunk(unreader: Any, size_hint: int | None = None) -> bytes:
    pace: Pace | None = getattr(unreader, "pace", None)
    return pace.read(unreader, size_hint) if pace is not None else read_chunk(unreader, size_hint)


SocketUnreader.chunk = _chunk
