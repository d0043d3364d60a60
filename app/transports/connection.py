"""A connection: a non-blocking socket, a bounded outbox and one writer, without a greenlet of its own.

WebSocket and SSE connections are taken over from gunicorn after the handshake: its socket object gives up the file
descriptor, so that gunicorn closes nothing. From then on, an idle connection costs a read watcher and a few hundred
bytes.

Invariants
* Bytes leave only through ``flush``, in order, whole blocks at a time: nothing is ever interleaved or cut. A burst
  (burst.py) writes the only block of an idle connection in its place.
* Control blocks (pings, pongs, close) overtake waiting data, but not a block that is partly written.
* The outbox is bounded in blocks and bytes; a single block is always accepted. Past a bound, or if the kernel took
  nothing for ``write_stall_seconds``, the reader is too slow: ``overflowed`` is called once, and nothing more is
  queued.
* ``on_closed`` is called exactly once, when the socket is closed.
* A closing connection reads and drops its input: unread input would turn the end into a reset.
"""

from __future__ import annotations

import socket as stdlib_socket
import time
from collections.abc import Sequence
from typing import Any

from gevent import get_hub

from app.transports.connection_protocol import Limits, Owner, PauseReason
from app.transports.farewell import Farewell, unacknowledged
from app.transports.flusher import Flusher

READ_BYTES = 64 * 1024
# Blocks are joined up to this size: few system calls, and a control block waits behind at most this much.
WRITE_BYTES = 64 * 1024
MAX_CONTROL = 64


class Connection:
    """``busy`` is False while the connection is open and nothing waits. Only then may a burst set ``blocks`` to its own
    (burst.py). If it is True, ``flush`` will be called, or the connection is ending.
    """

    __slots__ = (
        "_bytes",
        "_control",
        "_farewell",
        "_flusher",
        "_limits",
        "_owner",
        "_partial",
        "_pauses",
        "_reader",
        "_writer",
        "blocks",
        "busy",
        "socket",
        "stalled_since",
    )

    def __init__(self, socket: Any, owner: Owner, flusher: Flusher, limits: Limits) -> None:
        self.socket = socket
        self._owner = owner
        self._flusher = flusher
        self._limits = limits
        self.blocks: list[bytes] | tuple[bytes] | None = None  # a tuple is the block of a burst
        self._bytes = 0
        self._control: list[bytes] | None = None
        self._partial = b""
        self.busy = False
        self._farewell: Farewell | None = None
        self._pauses = 0
        self._writer: Any = None
        self.stalled_since = 0.0
        self._reader = get_hub().loop.io(socket.fileno(), 1)
        self._reader.start(self._readable)

    @property
    def is_open(self) -> bool:
        return self.socket is not None and self._farewell is None

    @property
    def waiting(self) -> int:
        """The fill level of the outbox in bytes. Each block counts at least its share of the bound, so that many small
        blocks approach the bound as well. The block of a burst counts only its share.
        """
        share = len(self.blocks or ()) * self._limits.bytes // self._limits.blocks
        return max(self._bytes, share) + len(self._partial)

    def send(self, block: bytes) -> None:
        """Queues one block. Never blocks, never raises. Drops the block if the connection is closing."""
        if self.socket is None or self._farewell is not None:
            return
        blocks = self.blocks
        if blocks is None:
            blocks = self.blocks = []
        elif isinstance(blocks, tuple):
            blocks = self._leave(blocks)
        blocks.append(block)
        self._bytes += len(block)
        if len(blocks) > self._limits.blocks or (self._bytes > self._limits.bytes and len(blocks) > 1):
            self.blocks, self._bytes = None, 0
            self._owner.overflowed()
        elif not self.busy:
            self.busy = True
            self._flusher.add(self)

    def leave_burst(self) -> None:
        """Makes the connection write the block of its burst by itself, because something else follows it."""
        if isinstance(self.blocks, tuple):
            self._leave(self.blocks)

    def _leave(self, blocks: tuple[bytes]) -> list[bytes]:
        self.blocks, self._bytes = list(blocks), len(blocks[0])
        return self.blocks

    def send_control(self, block: bytes) -> None:
        """Queues a block that overtakes all waiting data."""
        if self.socket is None or self._farewell is not None:
            return
        if self._control is None:
            self._control = []
        elif len(self._control) >= MAX_CONTROL:
            # It is enough to answer the newest of many pings (RFC 6455 section 5.5.3).
            del self._control[0]
        self._control.append(block)
        self.leave_burst()
        self._flush_soon()

    def close(self, last: bytes = b"", *, discard: bool = False) -> None:
        """Sends the waiting blocks and ``last``, then closes the connection in an orderly way, if the peer takes them
        within the bounds of a farewell. ``discard`` drops the waiting blocks, for readers that are too slow to be sent
        the rest.
        """
        if self.socket is None or self._farewell is not None:
            return
        self.leave_burst()
        if discard:
            self.blocks, self._bytes = None, 0
        if last:
            self.blocks = [*(self.blocks or ()), last]
            self._bytes += len(last)
        self._farewell = Farewell(self._unsent, self.abort)
        self._start_reading()
        self._flush_soon()

    def _unsent(self) -> int:
        return self._bytes + len(self._partial) + unacknowledged(self.socket.fileno())

    def abort(self) -> None:
        """Closes the socket at once."""
        if self.socket is None:
            return
        socket, self.socket = self.socket, None
        self.busy = True
        self._stop_watchers()
        self.blocks = self._control = None
        self._partial, self._bytes = b"", 0
        socket.close()
        self._owner.on_closed()

    def pause_reading(self, reason: PauseReason) -> None:
        """Leaves further input in the kernel's buffer, so that the sender feels back-pressure."""
        self._pauses |= reason
        if self._reader is not None:
            self._reader.stop()

    def resume_reading(self, reason: PauseReason) -> None:
        """Withdraws one reason. The connection reads again once no reason is left."""
        if self._pauses and self._pauses & reason:
            self._pauses &= ~reason
            if not self._pauses:
                self._start_reading()

    def _start_reading(self) -> None:
        if self._reader is not None and not self._reader.active:
            self._reader.start(self._readable)

    def stalled(self, now: float) -> bool:
        """Returns whether the kernel took nothing for longer than the limit."""
        return bool(self.stalled_since) and now - self.stalled_since > self._limits.stall_seconds

    def _flush_soon(self) -> None:
        if not self.busy:
            self.busy = True
            self._flusher.add(self)

    def flush(self) -> None:
        """Writes as much as the kernel takes. Called by the flusher and by the write watcher."""
        while self.socket is not None:
            chunk = self._next_chunk()
            if not chunk:
                self._all_out()
                return
            try:
                sent = self.socket.send(chunk)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.abort()
                return
            if sent < len(chunk):
                self.keep_rest(chunk, sent)
                return
            if not self.blocks and not self._control:
                self._all_out()  # the usual case: no second look for a chunk
                return

    def _next_chunk(self) -> bytes:
        blocks = self.blocks
        if blocks and len(blocks) == 1 and not self._partial and not self._control:  # the usual case: one event
            self.blocks, self._bytes = None, 0
            return blocks[0]
        if self._partial:
            chunk, self._partial = self._partial, b""
            return chunk
        if self._control:
            chunk, self._control = b"".join(self._control), None
            return chunk
        if not blocks:
            return b""
        if self._bytes <= WRITE_BYTES:
            self.blocks, self._bytes = None, 0
            return b"".join(blocks)
        return self._take_some(blocks)

    def _take_some(self, blocks: Sequence[bytes]) -> bytes:
        size = count = 0
        for block in blocks:
            size += len(block)
            count += 1
            if size >= WRITE_BYTES:
                break
        chunk = b"".join(blocks[:count])
        self.blocks = list(blocks[count:])
        self._bytes -= len(chunk)
        return chunk

    def keep_rest(self, chunk: bytes, sent: int) -> None:
        """Waits for room, because the kernel's buffer is full and took only this many bytes."""
        self._partial = chunk[sent:]
        if sent or not self.stalled_since:
            self.stalled_since = time.monotonic()
        if self._writer is None:
            self._writer = get_hub().loop.io(self.socket.fileno(), 2)
        if not self._writer.active:
            self._writer.start(self._writable)

    def _writable(self) -> None:
        self._writer.stop()
        self.flush()

    def _all_out(self) -> None:
        self.stalled_since = 0.0
        if self._writer is not None:
            self._writer.stop()
            self._writer.close()
            self._writer = None
        if self._farewell is not None:
            self._half_close()
        else:
            self.busy = False
            self._owner.drained()

    def _half_close(self) -> None:
        """Called when everything is written. Sends a FIN and waits for the peer's FIN, so that no reset discards the
        last bytes.
        """
        try:
            self.socket.shutdown(stdlib_socket.SHUT_WR)
        except OSError:
            self.abort()
            return

    def _readable(self) -> None:
        try:
            data = self.socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.abort()
        elif self._farewell is None:
            self._owner.received(data)

    def _stop_watchers(self) -> None:
        if self._farewell is not None:
            self._farewell.end()
        for watcher in (self._reader, self._writer):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._reader = self._writer = None
