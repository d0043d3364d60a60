"""TLS in front of a server that has none: the embedded Valkey is built without TLS.

``with TlsProxy(port, target_port, context)`` listens at ``port`` of loopback and passes on what it decrypts.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from typing import Self


class TlsProxy:
    """One thread for each connection: both directions of TLS must not be used at the same time."""

    def __init__(self, port: int, target_port: int, context: ssl.SSLContext) -> None:
        self._target_port, self._context = target_port, context
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._listener, *self._open.copy()):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="tls-proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                accepted, _ = self._listener.accept()
                self._open.add(accepted)
                self._start(self._serve, accepted)

    def _serve(self, accepted: socket.socket) -> None:
        try:
            with (
                socket.create_connection(("127.0.0.1", self._target_port)) as inner,
                self._context.wrap_socket(accepted, server_side=True) as outer,
            ):
                self._open.add(inner)
                _pass_on(outer, inner)
                self._open.discard(inner)
        except OSError:
            pass  # no handshake, or one side has gone
        finally:
            self._open.discard(accepted)
            accepted.close()


def _pass_on(outer: ssl.SSLSocket, inner: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        for source, sink in ((outer, inner), (inner, outer)):
            selector.register(source, selectors.EVENT_READ, sink)
        while True:
            for key, _ in selector.select():
                chunk = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not chunk:
                    return
                while key.fileobj is outer and outer.pending():
                    chunk += outer.recv(65536)
                key.data.sendall(chunk)
