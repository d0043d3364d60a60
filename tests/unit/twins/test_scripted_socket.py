"""The scripted socket behaves as a real non-blocking one whose buffer is full at the scripted moments."""

from __future__ import annotations

import socket

from tests.twins.scripted_socket import socket_pair


def fill(near: object, data: bytes) -> int:
    """Writes until the socket refuses. Returns the number of bytes that it took."""
    taken = 0
    try:
        while True:
            taken += near.send(data)  # type: ignore[attr-defined]
    except BlockingIOError:
        return taken


def read_all(far: socket.socket) -> bytes:
    found = b""
    try:
        while True:
            found += far.recv(65536)
    except BlockingIOError:
        return found


def test_both_sockets_refuse_when_full_and_lose_nothing() -> None:
    real, peer = socket.socketpair()
    real.setblocking(False)
    peer.setblocking(False)
    with real, peer, socket_pair([3, 2, 0]) as (near, far):
        for one, other in ((real, peer), (near, far)):
            taken = fill(one, b"abcdef")
            arrived = read_all(other)
            assert len(arrived) == taken
            one.send(b"more")
            assert read_all(other) == b"more"
        assert near.writes == [b"abc", b"ab", b"more"]
