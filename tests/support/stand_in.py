"""Shared by the stand-ins for other services: a loopback server that counts requests in flight and can be slow."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar


class StandIn(ThreadingHTTPServer):
    """``failures``: problems found in requests. ``delay``: seconds before each answer."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.failures: list[str] = []
        self.delay = 0.0
        self.max_at_once = self._at_once = 0
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores broken pipes, because a client that stops waiting is not this server's fault."""
        if not isinstance(sys.exception(), ConnectionError):
            self.failures.append(repr(sys.exception()))

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Counts the request as in flight while it is answered."""
        with self._lock:
            self._at_once += 1
            self.max_at_once = max(self.max_at_once, self._at_once)
        try:
            time.sleep(self.delay)
            yield
        finally:
            with self._lock:
                self._at_once -= 1


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read(self) -> tuple[dict[str, str], bytes]:
        """Returns the headers, by lower-case name, and the body."""
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError("the sender died in the middle of its request")
        return {name.lower(): value for name, value in self.headers.items()}, body

    def reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the request log out of the tests' output."""


S = TypeVar("S", bound=StandIn)


@contextmanager
def serving(server: S) -> Iterator[S]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
