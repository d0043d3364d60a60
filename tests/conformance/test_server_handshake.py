"""The opening handshake over TCP: accepted and refused requests, and slow clients."""

from __future__ import annotations

import pytest

from app.core.ws_handshake import accept_key
from tests.conformance.frames import PING, PONG, TEXT, frame, pieces
from tests.conformance.wire import Wire
from tests.support.processes import Stack

pytestmark = pytest.mark.conformance


def answer(server: Stack, **changes: str | None) -> tuple[int, dict[str, str]]:
    with Wire(server.base_url) as wire:
        wire.socket.sendall(wire.request(**changes))
        return wire.read_head()


def test_handshake_is_answered_with_its_accept_key(server: Stack) -> None:
    with Wire(server.base_url) as wire:
        wire.socket.sendall(wire.request())
        status, headers = wire.read_head()
    assert status == 101
    assert headers["upgrade"].lower() == "websocket"
    assert headers["connection"].lower() == "upgrade"
    assert headers["sec-websocket-accept"] == accept_key(wire.key)


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits, permessage-deflate; server_no_context_takeover",
        "x-webkit-deflate-frame",
        "permessage-bzip2, permessage-snappy",
    ],
)
def test_no_extension_is_accepted(server: Stack, offer: str) -> None:
    status, headers = answer(server, Sec_WebSocket_Extensions=offer)
    assert status == 101
    assert "sec-websocket-extensions" not in headers


def test_no_subprotocol_is_chosen(server: Stack) -> None:
    status, headers = answer(server, Sec_WebSocket_Protocol="chat, superchat")
    assert status == 101
    assert "sec-websocket-protocol" not in headers


def test_compressed_frame_after_an_offer_fails(server: Stack) -> None:
    with Wire(server.base_url) as wire:
        wire.socket.sendall(wire.request(Sec_WebSocket_Extensions="permessage-deflate"))
        assert wire.read_head()[0] == 101
        wire.send(frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4))
        assert wire.read_to_the_end()[-1][1][:2] == (1002).to_bytes(2, "big")


@pytest.mark.parametrize(
    "changes",
    [
        {"Connection": "keep-alive, Upgrade"},
        {"Connection": "upgrade"},
        {"Upgrade": "WebSocket"},
        {"Upgrade": "WebSocket, foo"},
        {"User_Agent": "x" * 4000},
    ],
    ids=str,
)
def test_other_spellings_are_accepted(server: Stack, changes: dict[str, str | None]) -> None:
    assert answer(server, **changes)[0] == 101


@pytest.mark.parametrize(
    "changes",
    [{"Upgrade": None}, {"Upgrade": "h2c"}, {"Connection": None}, {"Connection": "keep-alive"}],
    ids=str,
)
def test_request_without_an_upgrade_is_refused(server: Stack, changes: dict[str, str | None]) -> None:
    """Section 4.2.2 asks for "an appropriate error code (such as 400 Bad Request)"."""
    assert answer(server, **changes)[0] in (400, 422, 426)


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_WebSocket_Key": None},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "short"},
        {"Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAAAAAA=="},
        {"Sec_WebSocket_Version": None},
    ],
    ids=str,
)
def test_upgrade_without_its_headers_gets_400(server: Stack, changes: dict[str, str | None]) -> None:
    assert answer(server, **changes)[0] == 400


@pytest.mark.parametrize("version", ["0", "7", "8", "12", "14", "255"])
def test_other_versions_get_426_with_the_supported_version(server: Stack, version: str) -> None:
    status, headers = answer(server, Sec_WebSocket_Version=version)
    assert status == 426
    assert headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(server: Stack, method: str) -> None:
    assert answer(server, method=method)[0] in (400, 405)


def test_http_1_0_is_refused(server: Stack) -> None:
    assert answer(server, version="HTTP/1.0")[0] == 400


def test_handshake_octet_by_octet(server: Stack) -> None:
    with Wire(server.base_url) as wire:
        for octet in pieces(wire.request(), 1):
            wire.socket.sendall(octet)
        assert wire.read_head()[0] == 101
        wire.send(frame(PING, b"p"), read=1)
        wire.wait_for(PONG, 1)


def test_frames_sent_with_the_handshake_are_read(server: Stack) -> None:
    """Section 4.1 makes the client wait, but a client that does not wait loses nothing."""
    with Wire(server.base_url) as wire:
        wire.socket.sendall(wire.request() + frame(PING, b"early") + frame(PING, b"cut")[:3])
        assert wire.read_head()[0] == 101
        wire.socket.sendall(frame(PING, b"cut")[3:])
        wire.wait_for(PONG, 2)
    assert wire.of(PONG) == [b"early", b"cut"]


def test_slow_handshakes_delay_no_other_client(server: Stack) -> None:
    """A hundred clients pause in the middle of their request.

    Others are served during the pause, and these afterwards.
    """
    slow = [Wire(server.base_url) for _ in range(100)]
    requests = [wire.request() for wire in slow]
    try:
        for wire, request in zip(slow, requests, strict=True):
            wire.socket.sendall(request[:40])
        with Wire(server.base_url).open() as other:
            other.send(frame(PING, b"p"))
            other.wait_for(PONG, 1)
        for wire, request in zip(slow, requests, strict=True):
            wire.socket.sendall(request[40:])
        assert [wire.read_head()[0] for wire in slow] == [101] * 100
    finally:
        for wire in slow:
            wire.socket.close()
