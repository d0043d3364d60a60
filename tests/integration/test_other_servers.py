"""Sessions under WSGI servers other than gunicorn: ``flask run`` (all transports) and waitress (no WebSocket)."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.clients import TRANSPORTS, WsClient, register
from tests.support.private_stack import UNLIMITED, private_stores, running
from tests.support.processes import Stack

FLASK_RUN = "exec flask --app wsgi run --port $PORT"
WAITRESS = "exec waitress-serve --listen=127.0.0.1:$PORT --threads=16 wsgi:app"


@contextmanager
def server_of(command: str) -> Iterator[Stack]:
    with private_stores() as stores:
        urls = {"database_url": stores.postgres.url(), "redis_url": stores.valkey.url()}
        stack = Stack(stores, stores.directory / "logs", env=UNLIMITED, **urls)
        stack.web[0].command = command
        with running(stack):
            yield stack


@pytest.fixture(scope="module")
def flask_run() -> Iterator[Stack]:
    with server_of(FLASK_RUN) as stack:
        yield stack


@pytest.fixture(scope="module")
def waitress() -> Iterator[Stack]:
    with server_of(WAITRESS) as stack:
        yield stack


def chat(stack: Stack, transport: str) -> None:
    """Ann reads over ``transport``, Ben writes. Ann leaves, comes back with her cursor, and misses nothing."""
    ann, ben = register(stack.base_url), register(stack.base_url)
    reader, writer = TRANSPORTS[transport](stack.base_url, ann), TRANSPORTS[transport](stack.base_url, ben)
    reader.join()
    writer.join()
    first = writer.send("x" * 7000, receiverId=ann.user_id)
    assert reader.next_message(first["id"])["seq"] == first["seq"] == 1
    reader.kill()
    missed = writer.send("while away", receiverId=ann.user_id)
    reader.reconnect()
    assert reader.next_message(missed["id"])["seq"] == 2
    live = writer.send("live", receiverId=ann.user_id)
    assert reader.next_message(live["id"])["seq"] == 3
    assert [message["seq"] for message in reader.messages()] == [1, 2, 3]
    reader.finish()
    writer.finish()


@pytest.mark.parametrize("transport", ["ws", "sse", "poll"])
def test_flask_run_serves_every_transport(flask_run: Stack, transport: str) -> None:
    chat(flask_run, transport)


@pytest.mark.parametrize("transport", ["sse", "poll"])
def test_waitress_serves_event_streams_and_long_poll(waitress: Stack, transport: str) -> None:
    chat(waitress, transport)


def test_waitress_refuses_websocket_clearly(waitress: Stack) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{waitress.base_url}/ws", headers=headers), timeout=10)
    with refused.value as answer:
        assert answer.code in (501, 426)


def test_sessions_over_flask_sock_end_like_any_session(flask_run: Stack) -> None:
    account = register(flask_run.base_url)
    client = WsClient(flask_run.base_url, account)
    client.join()
    client.ping()
    client.rest.logout()
    assert client.wait_closed() == 4401
    client.finish()


def test_too_large_frames_end_a_session_over_flask_sock(flask_run: Stack) -> None:
    client = WsClient(flask_run.base_url, register(flask_run.base_url))
    client.join()
    client.send_text("x" * 70_000)
    assert client.wait_closed() == 1009
    client.finish()
