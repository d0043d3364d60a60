"""The usual handshake is opened before the server's parser has seen it. Nothing of it may differ from any other."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import MakeRest
from tests.support.clients import Account, register
from tests.support.clients.raw_ws import open_socket
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

USUAL = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
PARSED = {"Content-Type": "text/plain"}  # a handshake with such a field goes through the server's parser
BOTH_WAYS = pytest.mark.parametrize("way", [{}, PARSED], ids=["looked at", "parsed"])


def head(server: Stack, fields: dict[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in ({"Host": host_of(server)} | USUAL | fields).items() if value]
    return "\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode()


def host_of(server: Stack) -> str:
    return urlsplit(server.base_urls[0]).netloc


def text_frame(event: str, data: dict[str, object]) -> bytes:
    payload = json.dumps({"event": event, "data": data}).encode()
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload


class Wire:
    """A connection on which a test writes bytes."""

    def __init__(self, server: Stack) -> None:
        self.sock: socket.socket = open_socket(server.base_urls[0])
        self.seen = b""

    def write(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read_until(self, end: bytes) -> bytes:
        while end not in self.seen:
            data = self.sock.recv(65536)
            assert data, f"closed after {self.seen!r}"
            self.seen += data
        return self.seen

    def status(self) -> int:
        return int(self.read_until(b"\r\n\r\n").split(b" ")[1])

    def close(self) -> None:
        self.sock.close()


Open = Callable[..., Wire]


@pytest.fixture
def wires() -> Iterator[Open]:
    """``wires(server, fields)`` opens a connection and writes a handshake with these fields."""
    made: list[Wire] = []

    def make(server: Stack, fields: dict[str, str] | None = None) -> Wire:
        made.append(Wire(server))
        if fields is not None:
            made[-1].write(head(server, fields))
        return made[-1]

    yield make
    for wire in made:
        wire.close()


@BOTH_WAYS
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 101),
        ({"Sec-WebSocket-Protocol": "chat", "Cookie": "a=b"}, 101),
        ({"Authorization": "Bearer forged.by.somebody"}, 401),
        ({"Authorization": "Basic YTpi"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-WebSocket-Version": "12"}, 426),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Connection": "close"}, 426),
    ],
)
def test_handshakes_are_answered_alike(
    server: Stack, wires: Open, way: dict[str, str], fields: dict[str, str], status: int
) -> None:
    wire = wires(server, fields | way | {"X-Request-ID": "handshake-0001"})
    assert wire.status() == status
    assert (b"handshake-0001" in wire.seen) == (status != 101)


@BOTH_WAYS
def test_own_origin_may_connect(server: Stack, wires: Open, way: dict[str, str]) -> None:
    assert wires(server, {"Origin": f"http://{host_of(server)}"} | way).status() == 101
    # gunicorn believes a forwarded scheme from this machine (FORWARDED_ALLOW_IPS).
    forwarded = {"Origin": f"https://{host_of(server)}", "X-Forwarded-Proto": "https"}
    assert wires(server, forwarded | way).status() == 101


@BOTH_WAYS
def test_frames_right_behind_the_handshake_are_read(
    server: Stack, wires: Open, ann: Account, way: dict[str, str]
) -> None:
    wire = wires(server)
    frames = text_frame("ping", {}) + text_frame("join", {})
    wire.write(head(server, {"Authorization": f"Bearer {ann.access_token}"} | way) + frames)
    assert b'"pong"' in wire.read_until(b'"event":"joined"')


@pytest.mark.parametrize("first", [1, 30, 120])
def test_handshake_that_arrives_in_parts_is_read(
    server: Stack, wires: Open, rest: MakeRest, ann: Account, first: int
) -> None:
    wire = wires(server)
    whole = head(server, {"Authorization": f"Bearer {ann.access_token}"})
    wire.write(whole[:first])
    rest(ann).json("GET", "/me")  # the server has accepted both connections, and has read what was there
    wire.write(whole[first:])
    assert wire.status() == 101
    wire.write(text_frame("join", {}))
    wire.read_until(b'"event":"joined"')


def test_handshake_may_follow_a_request_on_its_connection(server: Stack, wires: Open) -> None:
    wire = wires(server)
    wire.write(f"GET /healthz HTTP/1.1\r\nHost: {host_of(server)}\r\n\r\n".encode())
    wire.read_until(b'"ok"')
    wire.seen = b""
    wire.write(head(server, {}))
    assert wire.status() == 101


@pytest.fixture(scope="module")
def behind_a_proxy() -> Iterator[Stack]:
    with private_stack(
        web=1, workers=1, env={"TRUSTED_PROXIES": "1", "MAX_UNJOINED_PER_ADDRESS": "2", "WORKER_CONNECTIONS": "40"}
    ) as stack:
        yield stack


@BOTH_WAYS
def test_clients_behind_a_proxy_are_counted_by_their_own_addresses(
    behind_a_proxy: Stack, wires: Open, way: dict[str, str]
) -> None:
    network = "10.1" if way else "10.0"
    for client in (1, 2):
        for expected in (101, 101, 503):
            # The first address is what the client itself has written.
            forwarded = {"X-Forwarded-For": f"10.9.9.9, {network}.0.{client}"}
            assert wires(behind_a_proxy, forwarded | way).status() == expected


@BOTH_WAYS
def test_proxy_says_by_which_scheme_its_client_came(behind_a_proxy: Stack, wires: Open, way: dict[str, str]) -> None:
    host = host_of(behind_a_proxy)
    for scheme, status in (("https", 101), ("http", 403)):
        network = "10.3" if way else "10.2"
        forwarded = {"X-Forwarded-For": f"{network}.0.{status}", "X-Forwarded-Proto": "https"}
        assert wires(behind_a_proxy, {"Origin": f"{scheme}://{host}"} | forwarded | way).status() == status


def test_session_of_a_proxied_client_is_logged_with_its_address(behind_a_proxy: Stack) -> None:
    account = register(behind_a_proxy.base_urls[0])
    with closing(Wire(behind_a_proxy)) as wire:
        fields = {"Authorization": f"Bearer {account.access_token}", "X-Forwarded-For": "10.4.0.7"}
        wire.write(head(behind_a_proxy, fields) + text_frame("join", {}))
        wire.read_until(b'"event":"joined"')
    assert "address=10.4.0.7" in behind_a_proxy.web[0].log()
