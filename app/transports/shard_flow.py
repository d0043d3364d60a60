"""The events of one shard for one session, if there are several shards.

Each shard has an order, an epoch and a log of its own, so each has a flow: it holds events back, catches up and begins
anew by itself. What it writes leaves through the session, with a cursor that has the session's position in every shard.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Protocol

from app.core.cursor import Position, decode_cursor, encode_positions
from app.core.errors import ParleyError
from app.core.events import Event, make_event, with_cursor
from app.gateway.streams import Streams
from app.transports.event_flow import EventFlow


class Cursors:
    """The positions of what a session has written, one for each shard."""

    __slots__ = ("_positions",)

    def __init__(self, positions: Sequence[Position]) -> None:
        self._positions = list(positions)

    def move(self, number: int, cursor: str) -> str:
        """Moves the position in one shard to that of its ``cursor``. Returns the cursor of all positions."""
        self._positions[number] = decode_cursor(cursor) or self._positions[number]
        return encode_positions(self._positions)


ONE_SHARD = Cursors(())  # of sessions whose events have their cursors already


class Outlet(Protocol):
    """The session, as its flows see it."""

    id: str
    user_id: int
    auth_session: str
    transport: str
    auto_ack: bool
    cursors: Cursors

    def write(self, event: Event) -> None: ...
    def backlog(self) -> int: ...
    def close(self, code: int, error: ParleyError | None = None) -> None: ...
    def offer_ephemeral(self, event: Event) -> None: ...
    def revoke(self) -> None: ...
    def suspend(self) -> None: ...
    def collect_delivered(self, event: Event) -> None: ...
    def wait_for_reader(self) -> None: ...


class ShardFlow(EventFlow):
    __slots__ = ("_session", "absent", "auth_session", "number", "transport")

    writes_batches = False  # each event of a batch gets a cursor of its own

    def __init__(self, session: Outlet, streams: Streams, number: int) -> None:
        super().__init__(streams)
        self._session = session
        self.number = number
        self.absent = False
        self.id = session.id
        self.user_id = session.user_id
        self.auth_session = session.auth_session
        self.transport = session.transport
        self.auto_ack = session.auto_ack

    @property
    def session(self) -> Outlet:
        return self._session

    def write(self, event: Event) -> None:
        self._session.write(self._placed(event))

    def _placed(self, event: Event) -> Event:
        """Returns the event with a cursor of all shards, if it has one."""
        if not event.cursor:
            return event
        before = self._placed(event.before) if event.before is not None else None
        cursor = self._session.cursors.move(self.number, event.cursor)
        if event.name == "resync":
            return make_event("resync", {"cursor": cursor}, cursor=cursor)
        placed = with_cursor(event, cursor)
        placed.before = before
        return placed

    def arrive(self) -> None:
        """The shard is back, and offers everything from now on: the flow catches up with what it missed."""
        self.absent = False
        if self.joined and not self.closed:
            self.streams.run_replay(self._catch_up_or_close)

    def resume_from_store(self) -> None:
        if not self.absent:
            super().resume_from_store()

    def backlog(self) -> int:
        return self._session.backlog()

    def close(self, code: int, error: ParleyError | None = None) -> None:
        self._session.close(code, error)

    def offer_ephemeral(self, event: Event) -> None:
        self._session.offer_ephemeral(event)

    def revoke(self) -> None:
        self._session.revoke()

    def suspend(self) -> None:
        self._session.suspend()

    def collect_delivered(self, event: Event) -> None:
        self._session.collect_delivered(event)

    def wait_for_reader(self) -> None:
        self._session.wait_for_reader()


def write_all_missed(flows: Sequence[EventFlow]) -> None:
    """Writes what a session missed in several shards, in the order of the times that versions are. May block."""

    def of(flow: EventFlow) -> Iterator[tuple[int, EventFlow, Event]]:
        return ((place, flow, event) for place, event in flow.missed())

    for _, flow, event in heapq.merge(*map(of, flows), key=itemgetter(0)):
        flow.write_missed(event)
