"""An HTTP session for calling endpoints that strangers provide.

It connects only to checked addresses, follows no redirects, ignores proxy settings of the environment, and limits the
size and duration of a response.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from app.push.endpoint import connect_checked

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
    """Has the pools of this manager make connections of these classes."""
    plain, tls = connections

    class Plain(HTTPConnectionPool):
        ConnectionCls = plain

    class Tls(HTTPSConnectionPool):
        ConnectionCls = tls

    manager.pool_classes_by_scheme = {"http": Plain, "https": Tls}


class _Adapter(HTTPAdapter):
    """``connections`` is the number of idle connections kept per host."""

    def __init__(self, deadlines: Deadlines, *, loopback: bool, connections: int) -> None:
        self._classes = guarded_connections(deadlines, partial(connect_checked, loopback=loopback))
        super().__init__(pool_connections=20, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        use_connections(self.poolmanager, self._classes)


class GuardedSession(requests.Session):
    """Threads may share a session. ``verify`` may name a file of certificates to trust instead of the usual ones."""

    def __init__(
        self,
        *,
        loopback: bool,
        connections: int,
        seconds: float,
        verify: str | bool = True,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        super().__init__()
        self.deadlines = Deadlines()
        self.trust_env = False
        self.verify = verify
        self._seconds = seconds
        self._answer_bytes = answer_bytes
        adapter = _Adapter(self.deadlines, loopback=loopback, connections=connections)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """Returns that there is none. Otherwise, requests would prepare the next request of a redirect that it does not
        follow: it would read the whole body, without a limit, and raise ValueError for some addresses.
        """

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.deadlines.begin(self._seconds)
        try:
            response = super().request(*args, **{**kwargs, "allow_redirects": False, "stream": True})
            return _bounded(response, self._answer_bytes)
        finally:
            self.deadlines.end()


def _bounded(response: requests.Response, limit: int) -> requests.Response:
    """Returns the response with at most ``limit`` bytes of its body.

    The connection is kept for the next request only if that was the whole body.
    """
    body = response.raw.read(limit + 1, decode_content=False)
    response._content = body[:limit]
    if len(body) > limit:
        response.raw.close()
    else:
        response.raw.read(1)  # reaches the end of the body, so that the connection can return to the pool
        response.raw.release_conn()
    response.encoding = "latin-1"
    return response
