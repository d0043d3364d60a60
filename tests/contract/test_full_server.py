"""A process whose connections are all held answers health checks, other addresses and waiting polls."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.refusals import AT_ONCE
from app.web_worker import CONNECTIONS_AT_ONCE
from tests.attack.attackers import close
from tests.contract.expect import eventually
from tests.support.clients import RestClient, register
from tests.support.clients.poll import PollClient
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

MOST = 20  # of which one address may hold half
SLOW = {
    "body": b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 9\r\n\r\n",
    "headers": b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def small_server() -> Iterator[Stack]:
    env = {"WORKER_CONNECTIONS": str(MOST), "REFUSALS_PER_SECOND": "10"}
    with private_stack(web=1, workers=1, env=env) as stack:
        yield stack


def hold(server: Stack, source: str, what: bytes, count: int) -> list[socket.socket]:
    place = urlsplit(server.base_url)
    held = []
    for _ in range(count):
        held.append(socket.create_connection((place.hostname, place.port), source_address=(source, 0)))
        held[-1].sendall(what)
    return held


def healthy(server: Stack, path: str = "/healthz") -> bool:
    try:
        return httpx.get(server.base_url + path, timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("what", list(SLOW))
def test_one_address_cannot_hold_the_process(small_server: Stack, what: str) -> None:
    held = hold(small_server, "127.0.0.2", SLOW[what], 3 * MOST)
    try:
        account = register(small_server.base_url)
        client = RestClient(small_server.base_url, account.access_token)
        assert client.json("GET", "/me")["id"] == account.user_id
        client.close()
    finally:
        for connection in held:
            connection.close()


def test_full_process_answers_health_checks(small_server: Stack) -> None:
    held = [c for n in (2, 3, 4) for c in hold(small_server, f"127.0.0.{n}", SLOW["body"], MOST)]
    try:
        eventually(lambda: httpx.get(f"{small_server.base_url}/api/v1/limits").status_code == 503, "a full process")
        eventually(lambda: healthy(small_server), "a health check")
        eventually(lambda: healthy(small_server, "/readyz"), "a check of the dependencies")
    finally:
        for connection in held:
            connection.close()


def test_body_that_never_comes_is_given_up(small_server: Stack) -> None:
    (held,) = hold(small_server, "127.0.0.5", SLOW["body"], 1)
    held.settimeout(60)
    assert held.recv(4096).split()[1][:1] in {b"4", b""}
    held.close()


def test_waiting_polls_take_no_connections(small_server: Stack) -> None:
    accounts = [register(small_server.base_url) for _ in range(3 * MOST // 2)]
    waiting: list[Any] = []
    try:
        for account in accounts:
            client = PollClient(small_server.base_url, account)
            waiting.append(client)
            client.join()
        assert healthy(small_server)
        sender = RestClient(small_server.base_url, accounts[0].access_token)
        sent = sender.send(receiver_id=accounts[-1].user_id)
        waiting[-1].wait(lambda: waiting[-1].messages(sent["conversationId"]) or None, 30, "the message")
        sender.close()
    finally:
        for client in waiting:
            client.finish()


def test_refusals_beyond_the_first_wait_and_hold_up_nothing_else(small_server: Stack) -> None:
    account = register(small_server.base_url)
    right = {"Authorization": f"Bearer {account.access_token}"}
    with httpx.Client(
        base_url=small_server.base_url, transport=httpx.HTTPTransport(local_address="127.0.0.8")
    ) as client:
        for _ in range(AT_ONCE):
            assert client.get("/api/v1/me").status_code == 401
        began = time.monotonic()
        for _ in range(10):
            assert client.get("/api/v1/me").status_code == 401
        assert time.monotonic() - began > 0.5
        assert client.get("/api/v1/me", headers=right).status_code == 200
    with httpx.Client(base_url=small_server.base_url) as other:
        assert other.get("/api/v1/me").status_code == 401


def test_address_that_opens_connections_too_fast_is_refused_and_others_are_served(small_server: Stack) -> None:
    def status_of(source: str) -> bytes:
        (wire,) = hold(small_server, source, b"GET /api/v1/limits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1)
        with wire:
            wire.settimeout(10)
            return wire.recv(65_536)[:12]

    def refused() -> bool:
        """A turn is free again after 10 ms, so the request must follow others at once."""
        for _ in range(100):
            for connection in hold(small_server, "127.0.0.6", b"", 1):
                close(connection)
        return status_of("127.0.0.6") == b"HTTP/1.1 503"

    for _ in range(CONNECTIONS_AT_ONCE // 100):
        refused()
    eventually(refused, "a refused connection")
    assert status_of("127.0.0.7") == b"HTTP/1.1 200"
    eventually(lambda: status_of("127.0.0.6") == b"HTTP/1.1 200", "room for the address again")
