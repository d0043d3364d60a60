"""Connections under a WSGI server that keeps its socket: ``flask run``, waitress, a host's own server.

Under gunicorn, sessions take the socket over (connection.py) and cost no greenlet. Other servers give no socket, or
only through flask-sock, so a greenlet of the request writes what the session has queued. The interface and the
guarantees are those of ``Connection``: blocks leave whole and in order, the outbox is bounded, ``overflowed`` and
``on_closed`` are called at most once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from gevent.event import Event as Flag

from app.transports.connection_protocol import Limits, Owner, PauseReason


class QueuedConnection:
    """A bounded outbox that a writer empties with ``next_block``."""

    def __init__(self, owner: Owner, limits: Limits) -> None:
        self._owner = owner
        self._limits = limits
        self._blocks: deque[bytes] = deque()
        self._bytes = 0
        self._something = Flag()
        self._may_read = Flag()
        self._may_read.set()
        self._paused = PauseReason(0)
        self._closing = False
        self._closed = False
        self.stalled_since = 0.0

    @property
    def is_open(self) -> bool:
        return not (self._closing or self._closed)

    @property
    def waiting(self) -> int:
        """Bytes in the outbox, or a larger number if its many blocks are nearer to their bound."""
        return max(self._bytes, len(self._blocks) * self._limits.bytes // self._limits.blocks)

    def send(self, block: bytes) -> None:
        """Queues one block. Never blocks or raises. Drops the block if the connection is closing."""
        if not self.is_open:
            return
        self._blocks.append(block)
        self._bytes += len(block)
        if len(self._blocks) > self._limits.blocks or (self._bytes > self._limits.bytes and len(self._blocks) > 1):
            self._discard()
            self._owner.overflowed()
        self._something.set()

    def leave_burst(self) -> None:
        """Does nothing: such connections are in no burst."""

    def send_control(self, block: bytes) -> None:
        """Does nothing: the server behind flask-sock sends pings and pongs by itself."""

    def close(self, last: bytes = b"", *, discard: bool = False) -> None:
        """Sends the waiting blocks (none with ``discard``), then ``last``, then closes."""
        if not self.is_open:
            return
        if discard:
            self._discard()
        if last:
            self._blocks.append(last)
        self._closing = True
        self._something.set()

    def abort(self) -> None:
        """Closes at once."""
        if not self._closed:
            self._closed = True
            self._discard()
            self._something.set()
            self._owner.on_closed()

    def pause_reading(self, reason: PauseReason) -> None:
        self._paused |= reason
        self._may_read.clear()

    def resume_reading(self, reason: PauseReason) -> None:
        self._paused &= ~reason
        if not self._paused:
            self._may_read.set()

    def wait_to_read(self, seconds: float) -> bool:
        """Waits while reading is paused, up to ``seconds``. Returns whether the next message may be read."""
        return bool(self._may_read.wait(timeout=seconds))

    def stalled(self, now: float) -> bool:
        """Returns whether one write has taken longer than the limit."""
        return bool(self.stalled_since) and now - self.stalled_since > self._limits.stall_seconds

    def next_block(self) -> bytes | None:
        """Waits for the next block to write and returns it. Returns None when the connection is over."""
        self.stalled_since = 0.0
        while not self._blocks and self.is_open:
            self._owner.drained()
            self._something.wait()
            self._something.clear()
        if self._closed or not self._blocks:
            return None
        block = self._blocks.popleft()
        self._bytes = max(0, self._bytes - len(block))
        self.stalled_since = time.monotonic()
        return block

    def blocks(self) -> Iterator[bytes]:
        """Yields the blocks to write, as the body of a WSGI response."""
        while (block := self.next_block()) is not None:
            yield block
        self.abort()

    def _discard(self) -> None:
        self._blocks.clear()
        self._bytes = 0
