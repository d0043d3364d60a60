"""A minimal pooler in transaction mode. It refuses the same options as pgbouncer, and mixes up sessions in the same
way.

* Start-up parameters other than pgbouncer's are refused with its error. Clients see a process id that is not the
  server's.
* Each transaction, and each single statement outside of one, gets the next server connection. So any state of a session
  (settings, session locks, prepared statements) appears in the wrong place at once.

It uses threads. ``with TransactionPooler(host, port, database) as pooler`` listens on ``pooler.port``. COPY, TLS,
passwords and cancel requests are not supported.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from typing import Self

SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
PROTOCOL = 3 << 16
ACCEPTED = {"user", "database", "client_encoding", "datestyle", "timezone", "application_name"}
READY_AND_IDLE = b"Z\x00\x00\x00\x05I"
OWN_KEY = b"K\x00\x00\x00\x0c" + struct.pack("!II", 999_999_999, 7)


class _Stream:
    """Reads and writes the messages of Postgres' protocol."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self._file = sock.makefile("rb")

    def message(self) -> bytes:
        """Returns the next message with its head. Raises ConnectionError at the end."""
        head = self._read(5)
        return head + self._read(struct.unpack("!I", head[1:])[0] - 4)

    def startup(self) -> bytes:
        """Returns the body of a start-up packet, which has no type."""
        return self._read(struct.unpack("!I", self._read(4))[0] - 4)

    def _read(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise ConnectionError("the other side has closed the connection")
        return data


class TransactionPooler:
    def __init__(self, host: str, port: int, database: str, *, user: str = "postgres", servers: int = 3) -> None:
        self._target = (host, port)
        self._login = {"user": user, "database": database}
        self.refused: list[str] = []
        self._parameters = b""
        self._idle = threading.Condition()
        self._open: set[socket.socket] = set()
        self._servers = deque(self._connect_server() for _ in range(servers))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="pooler", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def url(self, scheme: str = "postgresql+psycopg") -> str:
        return f"{scheme}://{self._login['user']}@127.0.0.1:{self.port}/{self._login['database']}"

    def _connect_server(self) -> _Stream:
        server = _Stream(socket.create_connection(self._target))
        self._open.add(server.sock)
        body = b"".join(f"{name}\0{value}\0".encode() for name, value in self._login.items()) + b"\0"
        server.sock.sendall(struct.pack("!II", len(body) + 8, PROTOCOL) + body)
        messages = list(iter(server.message, READY_AND_IDLE))
        self._parameters = b"".join(message for message in messages if message[:1] == b"S")
        return server

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                sock, _ = self._listener.accept()
                self._open.add(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        client = _Stream(sock)
        with contextlib.suppress(OSError):
            if self._start(client):
                while True:
                    self._transaction(client, client.message())
        sock.close()
        self._open.discard(sock)

    def _start(self, client: _Stream) -> bool:
        body = client.startup()
        (code,) = struct.unpack("!I", body[:4])
        if code == SSL_REQUEST:
            client.sock.sendall(b"N")
            return self._start(client)
        if code == CANCEL_REQUEST:
            return False
        refused = [name for name in body[4:].decode().split("\0")[:-1:2] if name and name.lower() not in ACCEPTED]
        if refused:
            self.refused += refused
            client.sock.sendall(_fatal(f"unsupported startup parameter: {refused[0]}"))
            return False
        client.sock.sendall(b"R\x00\x00\x00\x08" + bytes(4) + self._parameters + OWN_KEY + READY_AND_IDLE)
        return True

    def _transaction(self, client: _Stream, first: bytes) -> None:
        """Forwards the messages of a transaction to one server, beginning with ``first``."""
        if first[:1] == b"X":
            raise ConnectionError("the client ends the connection")
        with self._idle:
            self._idle.wait_for(lambda: self._servers)
            server = self._servers.popleft()
        message = first
        try:
            while not self._exchange(client, server, message):
                message = client.message()
        except OSError:
            server.sock.close()  # as pgbouncer: the server rolls back
            server = self._connect_server()
            raise
        finally:
            with self._idle:
                self._servers.append(server)
                self._idle.notify()

    @staticmethod
    def _exchange(client: _Stream, server: _Stream, message: bytes) -> bool:
        """Forwards a message and, if it asks for them, the answers. Returns True if the transaction is over."""
        if message[:1] == b"X":
            raise ConnectionError("the client ends the connection")
        server.sock.sendall(message)
        if message[:1] not in (b"Q", b"S"):
            return False
        while True:
            answer = server.message()
            client.sock.sendall(answer)
            if answer[:1] == b"Z":
                return answer == READY_AND_IDLE


def _fatal(text: str) -> bytes:
    fields = f"SFATAL\0C08P01\0M{text}\0\0".encode()
    return b"E" + struct.pack("!I", len(fields) + 4) + fields
