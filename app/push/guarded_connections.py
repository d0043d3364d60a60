"""Connections for calling endpoints that strangers provide: only to checked addresses, and cut after a time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

ANSWER_BYTES = 4096


class Deadlines:
    """Cuts connections of requests that exceed their total time. A socket timeout cannot do this: each received byte
    restarts it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, tuple[float, list[socket.socket]]] = {}
        self._local = threading.local()

    def begin(self, seconds: float) -> None:
        """Starts the clock for a request of this thread."""
        with self._lock:
            self._running[threading.get_ident()] = (time.monotonic() + seconds, [])

    def uses(self, connection: socket.socket | None) -> None:
        """Registers a connection that this thread's request uses."""
        with self._lock:
            entry = self._running.get(threading.get_ident())
            if entry is not None and connection is not None:
                entry[1].append(connection)

    def end(self) -> None:
        with self._lock:
            self._running.pop(threading.get_ident(), None)

    def cut(self) -> int:
        """Cuts overdue connections and returns their number. Call it about once a second."""
        now, overdue = time.monotonic(), []
        with self._lock:
            for until, connections in self._running.values():
                if now > until:
                    overdue += connections
                    connections.clear()
        for connection in overdue:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        return len(overdue)

    @contextlib.contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Calls ``cut`` once, ``seconds`` from now, unless the block ends before. For a caller that has no loop."""
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


# Connects to a host and port, within the timeout.
Connect = Callable[[str, int, float | None], socket.socket]
Connections = tuple[type[HTTPConnection], type[HTTPSConnection]]


def guarded_connections(deadlines: Deadlines, connect: Connect) -> Connections:
    """Returns the classes of connections for http and https. ``connect`` decides which addresses are reached."""

    class Guarded(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else None
            made = connect(self._dns_host, self.port, timeout)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            deadlines.uses(made)
            return made

        def request(self, *args: Any, **kwargs: Any) -> Any:
            deadlines.uses(self.sock)  # a connection kept from an earlier request
            return super().request(*args, **kwargs)

    class GuardedTls(Guarded, HTTPSConnection):
        pass

    return Guarded, GuardedTls


def use_connections(manager: PoolManager, connections: Connections) -> None:
    """Makes the pools of this manager create connections of these classes."""
    plain, tls = connections

    class Plain(HTTPConnectionPool):
        ConnectionCls = plain

    class Tls(HTTPSConnectionPool):
        ConnectionCls = tls

    manager.pool_classes_by_scheme = {"http": Plain, "https": Tls}
