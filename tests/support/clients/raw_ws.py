"""One WebSocket connection over a plain socket: wsproto for the bytes, and a thread that reads.

For tests that need the wire itself: odd handshakes, raw bytes, a reader that never reads, a peer that vanishes.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from tests.support.patience import PATIENCE


class HandshakeRefused(Exception):
    """Raised if the server answers the upgrade with anything but 101."""

    def __init__(self, status: int, body: bytes):
        super().__init__(f"{status} {body[:300]!r}")
        self.status, self.body = status, body


def open_socket(base_url: str, receive_buffer: int | None = None, timeout: float = PATIENCE) -> socket.socket:
    parts = urlsplit(base_url)
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.settimeout(timeout)
    try:
        sock.connect((parts.hostname, parts.port))
    except OSError:
        sock.close()
        raise
    return sock


def abort(sock: socket.socket) -> None:
    """Closes the socket with a reset, so that nothing lingers."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)  # wakes a reader in another thread
    sock.close()


class WebSocketConnection:
    """Performs the handshake in the constructor.

    After ``start``, its thread reports texts, protocol errors and the end.
    """

    def __init__(
        self,
        base_url: str,
        path: str,
        headers: dict[str, str],
        *,
        on_text: Callable[[str], None],
        on_end: Callable[[int | None], None],
        on_failure: Callable[[BaseException], None],
        origin: str | None = None,
        receive_buffer: int | None = None,
        timeout: float = PATIENCE,
    ):
        self.on_text, self.on_end, self.on_failure = on_text, on_end, on_failure
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.pings = 0
        self.answer_pings = True
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._parts: list[str] = []
        self._backlog: list[ws.Event] = []
        self._thread: threading.Thread | None = None
        self.sock = open_socket(base_url, receive_buffer, timeout)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        if origin is not None:
            extra.append((b"Origin", origin.encode()))
        try:
            server = urlsplit(base_url)
            self._handshake(ws.Request(host=server.netloc, target=server.path + path, extra_headers=extra))
        except BaseException:
            self.sock.close()
            raise
        self.sock.settimeout(None)

    def _handshake(self, request: ws.Request) -> None:
        self.sock.sendall(self.protocol.send(request))
        status, body = 0, b""
        while True:
            data = self.sock.recv(65536)
            self.protocol.receive_data(data or None)
            for event in self.protocol.events():
                if isinstance(event, ws.RejectConnection):
                    status = event.status_code
                elif isinstance(event, ws.RejectData):
                    body += event.data
                    if event.body_finished:
                        raise HandshakeRefused(status, body)
                else:
                    self._backlog.append(event)
            if self.protocol.state is ConnectionState.OPEN or self._backlog:
                return
            if not data:
                raise HandshakeRefused(status, body)

    def start(self) -> None:
        """Begins reading. A connection that is never started simulates a peer that never reads."""
        self._thread = threading.Thread(target=self._read, name="ws-reader", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        code: int | None = None
        try:
            pending, self._backlog = self._backlog, []
            while True:
                for event in pending:
                    code = self._handle(event, code)
                self._flowing.wait()
                data = self.sock.recv(4096)
                self._flowing.wait()
                if not data:
                    return
                with self._lock:
                    self.protocol.receive_data(data)
                    pending = list(self.protocol.events())
        except OSError:
            return  # a broken connection is reported by on_end
        except (AssertionError, KeyError, ValueError, RemoteProtocolError) as problem:
            self.on_failure(problem)
        finally:
            self.sock.close()
            self.on_end(code)

    def _handle(self, event: ws.Event, code: int | None) -> int | None:
        if isinstance(event, ws.TextMessage):
            self._parts.append(event.data)
            if event.message_finished:
                text, self._parts = "".join(self._parts), []
                self.on_text(text)
        elif isinstance(event, ws.Ping):
            self.pings += 1
            if self.answer_pings:
                self._send(event.response())
        elif isinstance(event, ws.CloseConnection):
            if self.protocol.state is ConnectionState.REMOTE_CLOSING:
                with contextlib.suppress(OSError):
                    self._send(event.response())
            return int(event.code)
        elif isinstance(event, ws.BytesMessage):
            raise ValueError("a binary frame from the server")
        return code

    def _send(self, event: ws.Event) -> None:
        with self._lock:
            try:
                data = self.protocol.send(event)
            except LocalProtocolError as error:
                raise ConnectionError(f"the connection has ended: {error}") from None
            self.sock.sendall(data)

    def send_text(self, text: str) -> None:
        self._send(ws.TextMessage(data=text))

    def send_binary(self, data: bytes) -> None:
        self._send(ws.BytesMessage(data=data))

    def send_raw(self, data: bytes) -> None:
        """Sends bytes past the codec, for frames that wsproto refuses to make."""
        with self._lock:
            self.sock.sendall(data)

    def freeze(self) -> None:
        """Reads and answers nothing from now on, as a stopped process does."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        """Closes with 1000 and waits for the reader to see the end."""
        with contextlib.suppress(OSError):
            self._send(ws.CloseConnection(code=1000))
        if self._thread is None:
            self.sock.close()
            return
        self._thread.join(5)
        if self._thread.is_alive():
            self.kill()

    def kill(self) -> None:
        self._flowing.set()
        abort(self.sock)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
