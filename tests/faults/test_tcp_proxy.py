"""The misbehaving proxy provides the faults that its scenarios rely on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers every chunk with the same text in capitals."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while chunk := connection.recv(4096):
                    connection.sendall(chunk.upper())
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def proxy(echo: int) -> Iterator[TcpProxy]:
    with TcpProxy(echo) as made:
        yield made


@pytest.fixture
def wire(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as made:
        yield made


def exchange(wire: socket.socket, question: bytes) -> bytes:
    wire.sendall(question)
    return wire.recv(4096)


def is_cut(wire: socket.socket) -> bool:
    try:
        return wire.recv(4096) == b""
    except ConnectionError:
        return True


def test_traffic_is_passed_on(wire: socket.socket) -> None:
    assert exchange(wire, b"hello") == b"HELLO"


def test_cut_ends_open_connections_and_serves_new_ones(proxy: TcpProxy, wire: socket.socket) -> None:
    assert exchange(wire, b"a") == b"A"
    proxy.cut()
    assert is_cut(wire)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as other:
        assert exchange(other, b"b") == b"B"


def test_blackhole_passes_nothing_until_healed(proxy: TcpProxy, wire: socket.socket) -> None:
    assert exchange(wire, b"a") == b"A"
    proxy.blackhole()
    wire.settimeout(0.2)
    with pytest.raises(TimeoutError):
        exchange(wire, b"b")
    proxy.heal()
    wire.settimeout(5)
    assert wire.recv(4096) == b"B"


def test_reply_to_a_marked_request_is_swallowed(proxy: TcpProxy, wire: socket.socket) -> None:
    proxy.cut_reply_to(lambda chunk: b"commit" in chunk)
    assert exchange(wire, b"insert") == b"INSERT"
    assert proxy.armed
    wire.sendall(b"commit")
    assert is_cut(wire)
    assert (proxy.armed, proxy.cuts) == (False, 1)


def test_replies_are_cut_after_some_bytes(proxy: TcpProxy, wire: socket.socket) -> None:
    proxy.drop_replies_after(8)
    assert exchange(wire, b"12345678") == b"12345678"
    wire.sendall(b"9")
    assert is_cut(wire)
    assert proxy.cuts == 1
