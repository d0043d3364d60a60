"""The server that looks at connections before it serves them, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.socket import socket as gevent_socket

from app.accepting import Server, Visitor, dismiss
from app.admission import Admission, Ticket
from app.core.plain_handshake import Found
from tests.support.own_hub import in_own_hub
from tests.support.patience import PATIENCE

HEAD = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"


class Reception:
    """Greets by noting what was found, and admits ``limit`` connections."""

    def __init__(self, limit: int = 10) -> None:
        self.admission = Admission(limit, limit)
        self.greeted: list[tuple[Visitor, Found]] = []

    def admit(self, address: Any) -> Ticket | None:
        return self.admission.admit(address[0])

    def greet(self, server: Server, visitor: Visitor, found: Found) -> None:
        self.greeted.append((visitor, found))

    def run_soon(self, act: Callable[[], None]) -> None:
        gevent.spawn(act)


class World:
    def __init__(self, reception: Reception, patience: float) -> None:
        self.reception = reception
        self.served: list[tuple[bytes, Ticket | None]] = []
        listener = gevent_socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self.address = listener.getsockname()
        self.pool = Pool(10)
        self.server = Server(listener, handle=self.handle, spawn=self.pool, reception=reception, patience=patience)
        self.server.start()
        self.clients: list[Any] = []

    def handle(self, client: Any, _address: Any, ticket: Ticket | None) -> None:
        self.served.append((client.recv(100) if ticket else b"", ticket))

    def connect(self, data: bytes = b"") -> Any:
        client = gevent_socket(socket.AF_INET, socket.SOCK_STREAM)
        client.connect(self.address)
        self.clients.append(client)
        if data:
            client.sendall(data)
        return client


@contextmanager
def world(reception: Reception | None = None, patience: float = PATIENCE) -> Iterator[World]:
    there = World(reception or Reception(), patience)
    try:
        with gevent.Timeout(PATIENCE):
            yield there
    finally:
        there.server.close()
        there.pool.kill()
        for client in there.clients:
            client.close()
        for visitor, _ in there.reception.greeted:
            visitor.client.close()


def until(condition: Callable[[], object]) -> None:
    while not condition():
        gevent.sleep(0.001)


@in_own_hub
def test_handshake_is_greeted_and_left_in_the_socket() -> None:
    with world() as there:
        there.connect(HEAD + b"\x81\x80mask")
        until(lambda: there.reception.greeted)
        visitor, (fields, size) = there.reception.greeted[0]
        assert (size, fields["host"]) == (len(HEAD), "x")
        assert visitor.client.recv(100) == HEAD + b"\x81\x80mask"
        assert not there.served


@in_own_hub
def test_handshake_that_comes_later_is_greeted() -> None:
    with world() as there:
        client = there.connect()
        until(lambda: there.server.silent)
        assert not there.reception.greeted
        client.sendall(HEAD)
        until(lambda: there.reception.greeted)


@in_own_hub
def test_other_requests_are_served_with_all_their_bytes() -> None:
    with world() as there:
        there.connect(b"GET / HTTP/1.1\r\n")
        until(lambda: there.served)
        data, ticket = there.served[0]
        assert data == b"GET / HTTP/1.1\r\n"
        assert ticket is not None
        assert not there.reception.greeted


@in_own_hub
def test_connection_that_sends_nothing_is_closed_in_time() -> None:
    with world(patience=0.01) as there:
        client = there.connect()
        assert client.recv(1) == b""
        until(lambda: not len(there.reception.admission))
        assert not there.served


@in_own_hub
def test_connection_that_ends_at_once_takes_no_greenlet() -> None:
    with world() as there:
        there.connect().close()
        with there.connect(b"x"):  # accepted after the other one
            until(lambda: len(there.served) == 1)
        assert len(there.reception.admission) == 1, "only that of the second, whose ticket the test has"


@in_own_hub
def test_connection_without_room_is_served_without_a_ticket() -> None:
    with world(Reception(limit=0)) as there:
        there.connect(HEAD)
        until(lambda: there.served)
        assert there.served == [(b"", None)]


@in_own_hub
def test_connections_that_wait_are_served_when_the_server_closes() -> None:
    with world() as there:
        client = there.connect()
        until(lambda: there.server.silent)
        there.server.close()
        client.sendall(b"late")
        until(lambda: there.served)
        assert there.served[0][0] == b"late"


@in_own_hub
def test_full_pool_delays_a_connection_and_never_the_loop() -> None:
    with world() as there:
        blocked = [there.pool.spawn(gevent.sleep, PATIENCE) for _ in range(9)]
        first = there.connect()
        until(lambda: there.server.silent)
        blocked.append(there.pool.spawn(gevent.sleep, PATIENCE))
        first.sendall(b"x")
        until(lambda: not there.server.silent)
        assert not there.served
        blocked[0].kill()
        until(lambda: there.served)


@in_own_hub
def test_dismissed_visitor_gives_its_room_back() -> None:
    with world() as there:
        there.connect(HEAD)
        until(lambda: there.reception.greeted)
        assert len(there.reception.admission) == 1
        dismiss(there.reception.greeted[0][0])
        assert len(there.reception.admission) == 0
