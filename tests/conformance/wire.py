"""A client on a bare TCP socket: it sends any bytes and reads the server's answers strictly."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
from collections.abc import Iterator
from types import TracebackType
from urllib.parse import urlsplit

from app.core.ws_handshake import accept_key
from tests.conformance.frames import CLOSE, frame, pieces

TIMEOUT = 10.0
MAX_SENDS = 2000  # per case; cases with smaller reads than this allows are left to the decoder's own tests

Frame = tuple[int, bytes]


class Wire:
    """``frames`` collects the frames since the handshake, in order. Each is checked when it arrives."""

    def __init__(self, base_url: str) -> None:
        self.host = urlsplit(base_url).netloc
        parts = urlsplit(base_url)
        self.socket = socket.create_connection((parts.hostname, parts.port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frames: list[Frame] = []
        self._waiting = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    # --- the handshake

    def request(
        self, *, method: str = "GET", path: str = "/ws", version: str = "HTTP/1.1", **changes: str | None
    ) -> bytes:
        """Builds the upgrade request. ``changes`` replace headers (``Sec_WebSocket_Key=…``); None omits one."""
        self.key = base64.b64encode(os.urandom(16)).decode()
        headers: dict[str, str | None] = {
            "Host": self.host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": self.key,
            "Sec-WebSocket-Version": "13",
        }
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        return "\r\n".join([f"{method} {path} {version}", *lines, "", ""]).encode()

    def read_head(self) -> tuple[int, dict[str, str]]:
        """Returns status and headers (names in lower case). Bytes after the head count as frames."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive_or_fail()
        head, _, rest = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        code = int(status.split()[1])
        if code == 101:
            self._take(rest)
        return code, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def open(self) -> Wire:
        self.socket.sendall(self.request())
        status, headers = self.read_head()
        assert status == 101, status
        assert headers["sec-websocket-accept"] == accept_key(self.key)
        return self

    # --- frames

    def send(self, stream: bytes, read: int = 0) -> None:
        """Sends in pieces of ``read`` bytes. The server may close before all is sent; then only its answer counts."""
        step = max(read, len(stream) // MAX_SENDS) if read else 0
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces(stream, step):
                self.socket.sendall(piece)

    def receive(self) -> bool:
        """Reads more from the server; returns False at its end."""
        data = self.socket.recv(65536)
        self._take(data)
        return bool(data)

    def wait_for(self, opcode: int, count: int) -> None:
        while sum(one == opcode for one, _ in self.frames) < count:
            assert self.receive(), f"the server closed the connection: {self.frames[-3:]}"

    def read_to_the_end(self) -> list[Frame]:
        """Reads all frames up to the server's close, answers it, and reads to the end of the connection."""
        answered = False
        while self.receive():
            if self.closed and not answered:
                answered = True
                self.send(frame(CLOSE, self.frames[-1][1]))
        return self.frames

    @property
    def closed(self) -> bool:
        return bool(self.frames) and self.frames[-1][0] == CLOSE

    def of(self, opcode: int) -> list[bytes]:
        return [payload for one, payload in self.frames if one == opcode]

    def _receive_or_fail(self) -> bytes:
        data = self.socket.recv(65536)
        assert data, "the server closed the connection within its head"
        return data

    def _take(self, data: bytes) -> None:
        self._waiting += data
        while (end := _whole_frame(self._waiting)) is not None:
            assert not self.closed, "a frame after the close frame"
            start, stop = end
            self.frames.append((self._waiting[0] & 0x0F, self._waiting[start:stop]))
            self._waiting = self._waiting[stop:]


def _whole_frame(data: bytes) -> tuple[int, int] | None:
    """Returns start and end of the first frame's payload; None until it is complete.

    Stricter than a client need be: our server sends only whole messages, with the shortest length.
    """
    if len(data) < 2:
        return None
    first, short = data[0], data[1]
    assert first in (0x81, 0x82, 0x88, 0x89, 0x8A), f"first byte {first:#x}"
    assert short < 0x80, "a masked frame from a server"
    width = {126: 2, 127: 8}.get(short, 0)
    start = 2 + width
    if len(data) < start:
        return None
    size = int.from_bytes(data[2:start], "big") if width else short
    assert size >= {0: 0, 2: 126, 8: 65536}[width], "a length that is not minimal"
    assert first < 0x88 or not width, "a control frame over 125 bytes"
    return (start, start + size) if len(data) >= start + size else None


def close_code(payload: bytes) -> int:
    return int.from_bytes(payload[:2], "big") if payload else 1005


def frames_of(stream: bytes) -> Iterator[tuple[int, int]]:
    """Returns first byte and end of each frame of a valid client stream."""
    at = 0
    while at + 6 <= len(stream):
        size = stream[at + 1] & 0x7F
        start = at + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(stream[start : start + width], "big"), start + width
        end = start + 4 + size
        if end > len(stream):
            return
        yield stream[at], end
        at = end
