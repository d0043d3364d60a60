"""A pair of connected sockets whose near end takes as much of each write as a script says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

EVERYTHING = 1 << 30


class ScriptedSocket:
    """``room`` is the script: the bytes that the next writes take; 0 refuses the write as a full kernel buffer does.
    After the script, writes take everything.
    """

    def __init__(self, real: socket.socket, room: list[int]) -> None:
        self._real = real
        self.room = room
        self.writes: list[bytes] = []

    def send(self, data: bytes) -> int:
        room = self.room.pop(0) if self.room else EVERYTHING
        if room == 0:
            raise BlockingIOError
        sent = self._real.send(data[:room])
        self.writes.append(data[:sent])
        return sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def socket_pair(room: list[int]) -> Iterator[tuple[ScriptedSocket, socket.socket]]:
    """Yields the scripted end and the peer's end, both non-blocking."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    try:
        yield ScriptedSocket(near, room), far
    finally:
        near.close()
        far.close()
