"""Answers of endpoints that strangers provide: redirects are neither followed nor read."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from app.push.guarded_session import GuardedSession

BODY_BYTES = 100_000_000
LIMIT = 1000


class Host:
    """Answers one request with a redirect and a huge body. ``sent`` are the bytes of it that somebody accepted."""

    def __init__(self, location: str) -> None:
        self.sent = 0
        self._location = location
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        connection, _ = self._server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(10_000)
            head = f"HTTP/1.1 302 Found\r\nLocation: {self._location}\r\nContent-Length: {BODY_BYTES}\r\n\r\n"
            connection.sendall(head.encode("latin-1"))
            while self.sent < BODY_BYTES:
                self.sent += connection.send(bytes(100_000))

    def close(self) -> None:
        self._thread.join()
        self._server.close()


@pytest.mark.parametrize("location", ["/b", "", "https://[x/", "//a]b", "https://a..example/", "\xff"])
def test_body_of_a_redirect_is_not_read_beyond_the_limit(location: str) -> None:
    session = GuardedSession(loopback=True, connections=1, seconds=60, answer_bytes=LIMIT)
    host = Host(location)
    with session:
        answer = session.get(host.url, timeout=30)
    host.close()
    assert answer.status_code == 302
    assert answer.headers["Location"] == location
    assert answer.content == bytes(LIMIT)
    assert host.sent < BODY_BYTES
