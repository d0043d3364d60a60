"""The generator's event loop: one thread, one epoll, non-blocking sockets, no coroutine per connection.

asyncio costs 15–20 µs per readable socket. This loop costs about 4 µs, so one core drives more than a server
core can answer. Linux only, like the CPU accounting from /proc.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable

READ = select.EPOLLIN | select.EPOLLRDHUP
READ_WRITE = READ | select.EPOLLOUT


class BenchError(RuntimeError):
    """The measurement is not valid. The run stops, says why, and prints no figure for it."""


class Disconnected(BenchError):
    """The server closed a connection."""


class Loop:
    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.connections: dict[int, Connection] = {}

    def run(self, done: Callable[[], bool], timeout: float, tick: Callable[[float], float] | None = None) -> bool:
        """Serves sockets until ``done()`` and returns True. Returns False after ``timeout`` seconds.

        ``tick(now)`` runs once per turn and returns the number of seconds until it should run again.
        """
        end = time.perf_counter() + timeout
        connections, poll = self.connections, self.epoll.poll
        while not done():
            now = time.perf_counter()
            if now >= end:
                return False
            wait = min(end - now, 0.05)
            if tick is not None:
                wait = max(0.0, min(wait, tick(now)))
            for fd, events in poll(wait, 512):
                connection = connections.get(fd)
                if connection is not None:
                    connection.on_event(events)
        return True

    def sleep(self, seconds: float) -> None:
        self.run(lambda: False, seconds)

    def close_all(self) -> None:
        for connection in list(self.connections.values()):
            connection.close()


class Connection:
    """One TCP connection. Subclasses implement ``on_open`` and ``on_data``."""

    __slots__ = ("closed", "fd", "loop", "opened", "out", "sock")

    def __init__(self, loop: Loop, address: tuple[str, int]) -> None:
        self.loop = loop
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fd = self.sock.fileno()
        self.out = b""
        self.opened = self.closed = False
        result = self.sock.connect_ex(address)
        if result not in (0, errno.EINPROGRESS):
            raise BenchError(f"cannot connect to {address}: {errno.errorcode.get(result, result)}")
        loop.connections[self.fd] = self
        loop.epoll.register(self.fd, READ_WRITE)

    def on_open(self) -> None:
        raise NotImplementedError

    def on_data(self, data: bytes) -> None:
        raise NotImplementedError

    def on_end(self) -> None:
        raise Disconnected(f"{type(self).__name__}: the server closed the connection")

    def on_event(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._writable()
        if not self.closed and events & ~select.EPOLLOUT:
            self._readable()

    def _writable(self) -> None:
        if not self.opened:
            problem = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if problem:
                raise BenchError(f"connect failed: {errno.errorcode.get(problem, problem)}")
            self.opened = True
            self.on_open()
        if self.out:
            self.out = self.out[self._send(self.out) :]
        if not self.out and not self.closed:
            self.loop.epoll.modify(self.fd, READ)

    def _readable(self) -> None:
        try:
            data = self.sock.recv(262_144)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if data:
            self.on_data(data)
        else:
            self.close()
            self.on_end()

    def _send(self, data: bytes) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except ConnectionError as error:
            raise Disconnected(f"{type(self).__name__}: {error}") from None

    def write(self, data: bytes) -> None:
        if self.out:
            self.out += data
            return
        sent = self._send(data)
        if sent < len(data):
            self.out = data[sent:]
            self.loop.epoll.modify(self.fd, READ_WRITE)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            del self.loop.connections[self.fd]
            self.loop.epoll.unregister(self.fd)
            self.sock.close()
