"""Bursts: one event for many WebSocket sessions.

A message to a group of 500 costs 500 sends. The work around a send once cost as much as the send itself: eleven calls
of Python functions, a list for the outbox and a dict for the delivered mark. A burst offers the event in one loop,
writes it in a second one, and notes in one call to whom it was delivered.

Invariants
* A burst has only sessions that are live, behind the event, and have nothing to write. Every other session gets the
  event by ``offer``.
* Until the burst is flushed, its connections have the burst's ``blocks``. Everything else that happens to a connection
  replaces them (``Connection.leave_burst``). The connection then flushes itself, in order.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from app.core.events import Event
from app.transports.flusher import Flusher
from app.transports.websocket_session import WebSocketSession


class Bursts:
    def __init__(self, flusher: Flusher) -> None:
        self._flusher = flusher

    def offer(self, sessions: Iterable[Any], event: Event) -> None:
        """Offers the event to each session. Never blocks or raises."""
        blocks = (event.frame,)
        version = event.version
        below = version or sys.maxsize  # the text of a stream has no version, so it never comes too late
        taken: list[WebSocketSession] = []
        for session in sessions:
            if session.__class__ is WebSocketSession and not session.catching_up and session.position < below:
                connection: Any = session.connection
                if not connection.busy:
                    if version:
                        session.position = version
                    connection.busy = True
                    connection.blocks = blocks
                    taken.append(session)
                    continue
            session.offer(event)
        if taken:
            self._flusher.add(Burst(event, blocks, taken))


class Burst:
    """An event that is written to these sessions at the end of the turn."""

    __slots__ = ("_event", "blocks", "sessions")

    def __init__(self, event: Event, blocks: tuple[bytes], sessions: list[WebSocketSession]) -> None:
        self._event = event
        self.blocks = blocks
        self.sessions = sessions

    def flush(self) -> None:
        blocks, frame = self.blocks, self.blocks[0]
        size = len(frame)
        receivers: list[int] = []
        for session in self.sessions:
            connection: Any = session.connection
            if connection.blocks is not blocks:
                self._flush_alone(session, connection)
                continue
            try:
                sent = connection.socket.send(frame)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                connection.abort()
                continue
            connection.blocks = None
            if sent == size:
                connection.busy = False
                if session.auto_ack:
                    receivers.append(session.user_id)
            else:
                self._collect(session)
                connection.keep_rest(frame, sent)
        self._delivered(receivers)

    def _flush_alone(self, session: WebSocketSession, connection: Any) -> None:
        """Writes a connection that got more than this event, or is closing."""
        self._collect(session)
        connection.flush()

    def _collect(self, session: WebSocketSession) -> None:
        if self._event.seq:
            session.collect_delivered(self._event)

    def _delivered(self, receivers: list[int]) -> None:
        event = self._event
        if event.seq and receivers:
            deliveries = self.sessions[0].streams.deliveries
            deliveries.add_all(event.conversation_id, event.seq, receivers, sender_id=event.sender_id)
