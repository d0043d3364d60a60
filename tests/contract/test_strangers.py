"""People without an account can do little harm to a server."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.conftest import Connect
from tests.support.clients import Account, HandshakeRefused, RestClient, WsClient, register
from tests.support.clients.raw_ws import abort
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

EMPTY_FRAGMENT = b"\x00\x80" + b"0000"
EMPTY_PING = b"\x89\x80" + b"0000"


@pytest.fixture(scope="module")
def small_server() -> Iterator[Stack]:
    with private_stack(web=1, workers=1, env={"MAX_UNJOINED_PER_ADDRESS": "5", "MAX_UNJOINED": "7"}) as stack:
        yield stack


def test_sockets_that_do_not_join_take_no_room(small_server: Stack, opened: list[Any]) -> None:
    account = register(small_server.base_url)
    joined = [open_socket(small_server, account, opened).join() for _ in range(8)]
    silent = [open_socket(small_server, account, opened, "none") for _ in range(5)]
    with pytest.raises(HandshakeRefused) as caught:
        open_socket(small_server, account, opened, "none")
    assert caught.value.status == 503
    silent[0].finish()
    silent[0].wait_closed()
    silent[1].wait_closed(30)  # not joined in time
    open_socket(small_server, account, opened).join()
    assert not any(client.ended for client in joined)


def test_client_that_resets_during_the_handshake_is_no_fault(small_server: Stack) -> None:
    """The answer to the upgrade failed then, with a status of 500 and a traceback in the log."""
    account = register(small_server.base_url)
    client = RestClient(small_server.base_url, account.access_token)
    place = urlsplit(small_server.base_url)
    for attempt in range(60):
        ticket = client.json("POST", "/auth/ticket")["ticket"]
        wire = socket.create_connection((place.hostname, place.port), 10)
        head = f"GET /ws?ticket={ticket} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        wire.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
        time.sleep(attempt / 20_000)  # the server has read the request, and looks the ticket up
        abort(wire)
    client.close()
    open_socket(small_server, account, []).join().finish()
    log = small_server.web[0].log()
    assert "status=201" in log, "the tickets"
    assert "status=500" not in log


def open_socket(server: Stack, account: Account, opened: list[Any], credential: str = "header") -> WsClient:
    client = WsClient(server.base_url, account, credential=credential)
    opened.append(client)
    return client.connect()


def test_message_before_join_is_at_most_4096_bytes(raw: Connect, ann: Account) -> None:
    client = raw(ann)
    client.send_text('{"event": "ping", "data": {"x": "%s"}}' % ("x" * 5000))
    assert client.wait_closed() == 1009
    client = raw(ann).join()
    client.send_text('{"event": "ping", "data": {"x": "%s"}, "ref": "big"}' % ("x" * 5000))
    assert client.answer("big").name == "pong"


@pytest.mark.parametrize("flood", [EMPTY_PING * 2000, b"\x01\x80" + b"0000" + EMPTY_FRAGMENT * 2000])
def test_flood_of_empty_frames_ends_the_session(raw: Connect, ann: Account, flood: bytes) -> None:
    client = raw(ann).join()
    client.connection.send_raw(flood)
    assert client.wait_closed() == 1008


def test_flood_of_reads_is_answered_and_waits(raw: Connect, ann: Account) -> None:
    client = raw(ann).join()
    refs = [client.command_nowait("ping", {}) for _ in range(500)]
    assert all(client.answer(ref).name == "pong" for ref in refs)
    assert not client.ended
