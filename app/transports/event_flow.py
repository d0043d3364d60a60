"""The flow of events to one session: in order, without a gap, and none of a new epoch before ``resync``.

Invariants
* Events are written in the order of their versions, each at most once. ``position`` is the last one written.
* While a session catches up, live events wait in a bounded buffer. If the buffer overflows, it is dropped, and catching
  up continues from ``position``: the store and the log's tail have all of it. So there is no gap, and memory does not
  grow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent

from app.core.close_codes import CloseCode
from app.core.cursor import encode_cursor
from app.core.errors import Overloaded, ParleyError
from app.core.events import Event, EventBatch, make_event
from app.core.position import Position
from app.fanout.hub_session import Moved
from app.gateway.streams import Streams
from app.services.reading.replay_plan import ReplayPlan

log = logging.getLogger(__name__)

BUFFER_EVENTS = 500


class EventFlow:
    """The part of a session that writes events. Each transport implements how."""

    __slots__ = (
        "_after_reset",
        "_buffer",
        "_reset_goes_live",
        "_undelivered",
        "_when_live",
        "auto_ack",
        "catching_up",
        "closed",
        "id",
        "joined",
        "position",
        "streams",
        "user_id",
    )

    writes_batches = True
    transport = ""
    auth_session: str
    absent = False

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.id = ""
        self.user_id = 0
        self.auto_ack = False
        self.joined = False
        self.closed = False
        self.position = 0
        self._buffer: list[Event] | None = None
        self.catching_up = False
        self._after_reset: list[Callable[[], None]] | None = None
        self._reset_goes_live = False
        self._undelivered: dict[int, int] | None = None
        self._when_live: Callable[[], None] | None = None

    # --- implemented by each transport

    def write(self, event: Event) -> None:
        raise NotImplementedError

    def backlog(self) -> int:
        """Returns the bytes that wait for the reader."""
        raise NotImplementedError

    def close(self, code: int, error: ParleyError | None = None) -> None:
        """Sends the client the reason, if the transport can, and ends the session. ``on_closed`` must follow."""
        raise NotImplementedError

    @property
    def session(self) -> Any:
        """The session that this flow belongs to."""
        raise NotImplementedError

    def revoke(self) -> None: ...

    def suspend(self) -> None: ...

    def pass_milestone(self, position: Position, moved: Moved) -> None:
        """Does nothing: there are milestones only if there are several shards."""

    # --- the stream

    def begin_holding(self) -> None:
        """Live events collect from now on in the buffer, until ``go_live`` or ``catch_up``."""
        self.catching_up = True
        self._buffer = []

    def offer(self, event: Event) -> None:
        if self.catching_up:
            self._hold(event)
        elif event.version > self.position:
            self.position = event.version
            if event.seq:
                self.collect_delivered(event)
            self.write(event)
        elif not event.version:
            self.write(event)  # the text of a stream: it has no version, but follows what the session has read

    def offer_batch(self, batch: EventBatch) -> None:
        if self.writes_batches and not self.catching_up and self.position < batch.parts[0].version:
            self.position = batch.version
            self.write(batch)
        else:
            for event in batch.parts:
                self.offer(event)

    def offer_ephemeral(self, event: Event) -> None:
        if not self.closed:
            self.write(event)

    def _hold(self, event: Event) -> None:
        if self._buffer is not None:
            self._buffer.append(event)
            if len(self._buffer) > BUFFER_EVENTS:
                self._buffer = None

    def collect_delivered(self, event: Event) -> None:
        if not self.auto_ack or event.sender_id == self.user_id:
            return
        if self._undelivered is None:
            self._undelivered = {event.conversation_id: event.seq}
        elif event.seq > self._undelivered.get(event.conversation_id, 0):
            # A replay brings a changed message after later ones.
            self._undelivered[event.conversation_id] = event.seq

    def written_out(self) -> None:
        """Notes that everything was written to the client, so that its messages are delivered."""
        if self._undelivered:
            marks, self._undelivered = self._undelivered, None
            self.streams.deliveries.add(self.user_id, marks)

    def go_live(self, position: int) -> None:
        """Goes on from ``position``: nothing was missed."""
        self.position = max(self.position, position)
        self.catching_up = True
        self._wait_for_reset()
        while self._buffer is None:
            self._buffer = []
            for _, event in self._replay():
                self.write_missed(event)
            self._wait_for_reset()
        self._release()

    def catch_up(self) -> None:
        """Writes everything after ``position`` from the tail and the store, then goes live. May block."""
        for _, event in self.missed():
            self.write_missed(event)
        self.go_live(self.position)

    def missed(self) -> Iterator[tuple[int, Event]]:
        """Yields everything after ``position`` in order, with the place of each event in the stream. Write each event
        by ``write_missed`` before you take the next one. Live events are held back, also afterwards. May block.
        """
        self.catching_up = True
        if self._buffer is None:
            self._buffer = []
        if self.streams.brings_news:
            for event in self.streams.replay.news_since(self.user_id, self.position):
                yield 0, event
        yield from self._replay()

    def write_missed(self, event: Event) -> None:
        if not event.version:
            self.write(event)
            return
        self.position = event.version
        if event.seq:
            self.collect_delivered(event)
        self.write(event)
        self.wait_for_reader()

    def _replay(self) -> Iterator[tuple[int, Event]]:
        more, since, plan = True, self.position, ReplayPlan()
        while more and not self.closed:
            begin = self.position
            events, more = self.streams.replay.changes_since(self.user_id, begin, since, plan)
            self._wait_for_reset()
            for event in events:
                if not event.version or event.version > begin:
                    yield event.version or self.position, event

    def wait_for_reader(self) -> None:
        """Lets the reader take the backlog first: even one page of a replay may be longer than any outbox."""
        while not self.closed and self.backlog() > self.streams.max_backlog:
            gevent.sleep(0.02)

    def _wait_for_reset(self) -> None:
        while self._after_reset is not None and not self.closed:
            gevent.sleep(0.02)

    def _release(self) -> None:
        buffered, self._buffer = self._buffer or [], None
        self.catching_up = False
        for event in buffered:
            self.offer(event)
        act, self._when_live = self._when_live, None
        if act is not None:
            act()

    @property
    def after_reset(self) -> list[Callable[[], None]] | None:
        return self._after_reset

    def when_live(self, act: Callable[[], None]) -> None:
        """Calls ``act`` once the session has caught up. At most one can wait."""
        self._when_live = act

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Holds events back while a state is read and sent, so that no newer event reaches the client before it.

        Waits for the end of a replay, because that sends events too. May block.
        """
        while self.catching_up and not self.closed:
            gevent.sleep(0.02)
        self.begin_holding()
        try:
            yield
        finally:
            self._go_live_or_close()

    def _go_live_or_close(self) -> None:
        self._or_close(lambda: self.go_live(self.position))

    def resume_from_store(self) -> None:
        """Catches up again: the subscription broke, and something may have been missed."""
        if self.closed or not self.joined:
            return
        if self.catching_up:
            self._buffer = None  # the buffer may have a gap now, so it is dropped and read again
            return
        self.begin_holding()
        self.streams.check_missed((self.user_id, self.position), self._checked_missed)

    def _checked_missed(self, missed: bool | None, _error: ParleyError | None) -> None:
        """Called with False if nothing was missed. Otherwise the session itself reads what it missed."""
        if not self.closed:
            self.streams.run_replay(self._go_live_or_close if missed is False else self._catch_up_or_close)

    def _catch_up_or_close(self) -> None:
        self._or_close(self.catch_up)

    def _or_close(self, act: Callable[[], None]) -> None:
        try:
            act()
        except ParleyError as error:
            log.warning(
                "session %s cannot catch up (%s); it is closed, so that its client reconnects", self.id, error.code
            )
            self.turn_away()

    def hold(self) -> None:
        """Holds live events and answers back until ``reset``: a new epoch began. Its seqs may be those of lost messages
        that the client shows, so nothing of the new epoch may come before ``resync``.
        """
        if self.closed or not self.joined:
            return
        if self._after_reset is None:
            self._after_reset = []
        if not self.catching_up:
            self._reset_goes_live = True
            self.begin_holding()

    def reset(self, epoch: int, version: int) -> None:
        """Sends ``resync``: Redis lost its history, so old positions mean nothing. The client reads its state again.
        Events that were held back follow.
        """
        if self.closed or not self.joined:
            return
        self.position = min(self.position, version)  # in case the clock was set back as well
        cursor = encode_cursor(epoch, version)
        self.write(make_event("resync", {"cursor": cursor}, cursor=cursor))
        acts, self._after_reset = self._after_reset or [], None
        for act in acts:
            act()
        if self._reset_goes_live:
            self._reset_goes_live = False
            self.streams.run_replay(self._go_live_or_close)

    def turn_away(self) -> None:
        """Closes the session. Its client returns and catches up as it joins."""
        self.close(CloseCode.TRY_AGAIN_LATER, Overloaded())

    def drop_held(self) -> None:
        """Forgets the waiting events: the session has ended."""
        self._buffer = self._after_reset = self._when_live = None
