"""A connection: a non-blocking socket, a bounded outbox and one writer, without a greenlet of its own.

WebSocket and SSE connections are taken over from gunicorn after the handshake: its socket object gives up the file
descriptor, so that gunicorn closes nothing. From then on, an idle connection costs a read watcher and a few hundred
bytes.

Invariants
* Bytes leave only through ``flush``, in order, whole blocks at a time: nothing is ever interleaved or cut.
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
from typing import Any

from gevent import get_hub

from app.transports.connection_protocol import Limits, Owner, PauseReason
from app.transports.farewell import Farewell, unacknowledged

READ_BYTES = 64 * 1024
# Blocks are joined up to this size: few system calls, and a control block waits behind at most this much.
WRITE_BYTES = 64 * 1024
MAX_CONTROL = 64


class Flusher:
    """Flushes all connections with waiting data once per iteration of the event loop, so that everything that an
    iteration brings for one reader leaves in one system call.
    """

    def __init__(self) -> None:
        self._loop = get_hub().loop
        self._dirty: list[Connection] = []

    def add(self, connection: Connection) -> None:
        self._dirty.append(connection)
        if len(self._dirty) == 1:
            self._loop.run_callback(self.flush)

    def flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()


class Connection:
    __slots__ = (
        "_blocks",
        "_bytes",
        "_control",
        "_dirty",
        "_farewell",
        "_flusher",
        "_limits",
        "_owner",
        "_partial",
        "_pauses",
        "_reader",
        "_socket",
        "_writer",
        "stalled_since",
    )

    def __init__(self, socket: Any, owner: Owner, flusher: Flusher, limits: Limits) -> None:
        self._socket = socket
        self._owner = owner
        self._flusher = flusher
        self._limits = limits
        self._blocks: list[bytes] | None = None
        self._bytes = 0
        self._control: list[bytes] | None = None
        self._partial = b""
        self._dirty = False
        self._farewell: Farewell | None = None
        self._pauses = 0
        self._writer: Any = None
        self.stalled_since = 0.0
        self._reader = get_hub().loop.io(socket.fileno(), 1)
        self._reader.start(self._readable)

    @property
    def is_open(self) -> bool:
        return self._socket is not None and self._farewell is None

    @property
    def waiting(self) -> int:
        """The fill level of the outbox in bytes. Each block counts at least its share of the bound, so that many small
        blocks approach the bound as well.
        """
        share = len(self._blocks or ()) * self._limits.bytes // self._limits.blocks
        return max(self._bytes, share) + len(self._partial)

    def send(self, block: bytes) -> None:
        """Queues one block. Never blocks, never raises. Drops the block if the connection is closing."""
        if self._socket is None or self._farewell is not None:
            return
        blocks = self._blocks
        if blocks is None:
            blocks = self._blocks = []
        blocks.append(block)
        self._bytes += len(block)
        if len(blocks) > self._limits.blocks or (self._bytes > self._limits.bytes and len(blocks) > 1):
            self._blocks, self._bytes = None, 0
            self._owner.overflowed()
        elif not self._dirty:
            self._dirty = True
            self._flusher.add(self)

    def send_control(self, block: bytes) -> None:
        """Queues a block that overtakes all waiting data."""
        if self._socket is None or self._farewell is not None:
            return
        if self._control is None:
            self._control = []
        elif len(self._control) >= MAX_CONTROL:
            # It is enough to answer the newest of many pings (RFC 6455 section 5.5.3).
            del self._control[0]
        self._control.append(block)
        self._mark_dirty()

    def close(self, last: bytes = b"", *, discard: bool = False) -> None:
        """Sends the waiting blocks and ``last``, then closes the connection in an orderly way, if the peer takes them
        within the bounds of a farewell. ``discard`` drops the waiting blocks, for readers that are too slow to be sent
        the rest.
        """
        if self._socket is None or self._farewell is not None:
            return
        if discard:
            self._blocks, self._bytes = None, 0
        if last:
            self._blocks = [*(self._blocks or ()), last]
            self._bytes += len(last)
        self._farewell = Farewell(self._unsent, self.abort)
        self._start_reading()
        self._mark_dirty()

    def _unsent(self) -> int:
        return self._bytes + len(self._partial) + unacknowledged(self._socket.fileno())

    def abort(self) -> None:
        """Closes the socket at once."""
        if self._socket is None:
            return
        socket, self._socket = self._socket, None
        self._stop_watchers()
        self._blocks = self._control = None
        self._partial, self._bytes = b"", 0
        socket.close()
        self._owner.on_closed()

    def pause_reading(self, reason: PauseReason) -> None:
        """Leaves further input in the kernel's buffer, so that the sender feels back-pressure."""
        self._pauses |= reason
        if self._reader is not None:
            self._reader.stop()

    def resume_reading(self, reason: PauseReason) -> None:
        """Withdraws one reason. The connection reads again once there is none."""
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

    def _mark_dirty(self) -> None:
        if not self._dirty:
            self._dirty = True
            self._flusher.add(self)

    def flush(self) -> None:
        """Writes as much as the kernel takes. Called by the flusher and by the write watcher."""
        self._dirty = False
        if self._writer is not None and self._writer.active:
            return  # the kernel's buffer is full; the watcher calls again when it has room
        while self._socket is not None:
            chunk = self._next_chunk()
            if not chunk:
                self._all_out()
                return
            try:
                sent = self._socket.send(chunk)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self.abort()
                return
            if sent < len(chunk):
                self._partial = chunk[sent:]
                self._wait_for_room(sent)
                return
            if not self._blocks and not self._control:
                self._all_out()  # the usual case: no second look for a chunk
                return

    def _next_chunk(self) -> bytes:
        blocks = self._blocks
        if blocks and len(blocks) == 1 and not self._partial and not self._control:  # the usual case: one event
            self._blocks, self._bytes = None, 0
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
            self._blocks, self._bytes = None, 0
            return b"".join(blocks)
        return self._take_some(blocks)

    def _take_some(self, blocks: list[bytes]) -> bytes:
        size = count = 0
        for block in blocks:
            size += len(block)
            count += 1
            if size >= WRITE_BYTES:
                break
        chunk = b"".join(blocks[:count])
        del blocks[:count]
        self._bytes -= len(chunk)
        return chunk

    def _wait_for_room(self, sent: int) -> None:
        if sent or not self.stalled_since:
            self.stalled_since = time.monotonic()
        if self._writer is None:
            self._writer = get_hub().loop.io(self._socket.fileno(), 2)
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
            self._owner.drained()

    def _half_close(self) -> None:
        """Everything is written: sends a FIN and waits for the peer's, so that no reset discards the last bytes."""
        try:
            self._socket.shutdown(stdlib_socket.SHUT_WR)
        except OSError:
            self.abort()
            return

    def _readable(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
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
