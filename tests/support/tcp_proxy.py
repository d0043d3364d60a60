"""A TCP proxy that misbehaves on command: cut, delay, freeze, drop replies after some bytes or after a match.

It uses threads, not gevent. ``with TcpProxy(port) as proxy`` listens on ``proxy.port`` and forwards to ``port``.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self


class TcpProxy:
    """Faults may be set at any time, from any thread. They apply to open and new connections until `heal`."""

    def __init__(self, target_port: int, target_host: str = "127.0.0.1"):
        self.target = (target_host, target_port)
        self.delay_seconds = 0.0
        self.accepted = 0
        self.cuts = 0
        self._flow = threading.Event()
        self._flow.set()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._reply_budget: int | None = None
        self._cut_reply_to: Callable[[bytes], bool] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="tcp-proxy", daemon=True)
        self._thread.start()

    # -- faults --------------------

    def cut(self) -> None:
        """Resets every open connection; new ones are served."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            self._end(pair)

    def blackhole(self) -> None:
        """Stops all traffic both ways without closing anything: a half-open connection."""
        self._flow.clear()

    def delay(self, seconds: float) -> None:
        """Holds each chunk for ``seconds``, both ways."""
        self.delay_seconds = seconds

    def drop_replies_after(self, count: int) -> None:
        """Lets ``count`` more bytes of replies through, over all connections, then cuts the next one."""
        with self._lock:
            self._reply_budget = count

    def cut_reply_to(self, match: Callable[[bytes], bool]) -> None:
        """Passes on the next matching request, swallows its reply and cuts that connection. Works once."""
        with self._lock:
            self._cut_reply_to = match

    @property
    def armed(self) -> bool:
        """Returns whether a one-time fault is still armed."""
        with self._lock:
            return self._cut_reply_to is not None or self._reply_budget is not None

    def heal(self) -> None:
        with self._lock:
            self._reply_budget = self._cut_reply_to = None
        self.delay_seconds = 0.0
        self._flow.set()

    def close(self) -> None:
        self._stopping.set()
        self._flow.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self._thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # -- forwarding --------------------

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                outer = socket.create_connection(self.target, timeout=5)
            except OSError:
                inner.close()
                continue
            outer.settimeout(None)
            pair = (inner, outer)
            with self._lock:
                self._pairs.add(pair)
            swallow = threading.Event()
            for source, sink, replies in ((inner, outer, False), (outer, inner, True)):
                threading.Thread(
                    target=self._pump,
                    args=(pair, source, sink, replies, swallow),
                    name="tcp-proxy-pump",
                    daemon=True,
                ).start()

    def _pump(self, pair, source: socket.socket, sink: socket.socket, replies: bool, swallow: threading.Event) -> None:
        try:
            while chunk := source.recv(65536):
                self._flow.wait()
                if self.delay_seconds:
                    self._stopping.wait(self.delay_seconds)
                if replies and (swallow.is_set() or self._past_budget(len(chunk))):
                    self.cuts += 1
                    return
                if not replies and self._is_marked(chunk):
                    swallow.set()
                sink.sendall(chunk)
        except OSError:
            return  # one side is gone; the other is cut below
        finally:
            self._end(pair)

    def _past_budget(self, size: int) -> bool:
        with self._lock:
            if self._reply_budget is None:
                return False
            self._reply_budget -= size
            if self._reply_budget >= 0:
                return False
            self._reply_budget = None
            return True

    def _is_marked(self, chunk: bytes) -> bool:
        with self._lock:
            if self._cut_reply_to is None or not self._cut_reply_to(chunk):
                return False
            self._cut_reply_to = None
            return True

    def _end(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for sock in pair:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
