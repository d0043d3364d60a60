"""The events of one shard for one session, if there are several shards.

Each shard has an order, an epoch and a log of its own, so each has a flow: it holds events back, catches up and begins
anew by itself. What it writes leaves through the session, with a cursor that has the session's position in every shard.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Protocol

from app.core.cursor import LONG, decode_cursor, encode_positions
from app.core.errors import ParleyError
from app.core.events import Event, make_event, with_cursor
from app.core.position import Position
from app.fanout.hub_session import Moved
from app.gateway.streams import Streams
from app.transports.event_flow import EventFlow

# The positions of what a session has written, one for each shard; of a session with one shard, (). Sessions that have
# written the same may share one tuple (shard_burst.py).
Positions = tuple[Position, ...]


def with_position(positions: Positions, number: int, position: Position) -> Positions:
    return *positions[:number], position, *positions[number + 1 :]


def placed(event: Event, number: int, positions: Positions) -> tuple[Event, Positions]:
    """Returns an event of this shard with a cursor of all shards, if it has one, and the positions after it."""
    if not event.cursor:
        return event, positions
    before = None
    if event.before is not None:
        before, positions = placed(event.before, number, positions)
    position = decode_cursor(event.cursor) or positions[number]
    positions = with_position(positions, number, position)
    copy = with_cursor(event, encode_positions(positions))
    copy.before = before
    return copy, positions


class Outlet(Protocol):
    """The session, as its flows see it."""

    id: str
    user_id: int
    auth_session: str
    transport: str
    auto_ack: bool
    positions: Positions
    arriving: list[Callable[[], None]] | None  # not None: an answer with the state is made, and flows must wait

    def write(self, event: Event) -> None: ...
    def backlog(self) -> int: ...
    def close(self, code: int, error: ParleyError | None = None) -> None: ...
    def offer_ephemeral(self, event: Event) -> None: ...
    def revoke(self) -> None: ...
    def suspend(self) -> None: ...
    def collect_delivered(self, event: Event) -> None: ...
    def wait_for_reader(self) -> None: ...


class ShardFlow(EventFlow):
    __slots__ = ("absent", "auth_session", "number", "outlet", "transport")

    writes_batches = False  # each event of a batch gets a cursor of its own

    def __init__(self, session: Outlet, streams: Streams, number: int) -> None:
        super().__init__(streams)
        self.outlet = session
        self.number = number
        self.absent = False
        self.id = session.id
        self.user_id = session.user_id
        self.auth_session = session.auth_session
        self.transport = session.transport
        self.auto_ack = session.auto_ack

    @property
    def session(self) -> Outlet:
        return self.outlet

    def write(self, event: Event) -> None:
        event, self.outlet.positions = placed(event, self.number, self.outlet.positions)
        if len(event.cursor) > LONG:
            self.streams.ask_for_milestones(self.outlet)
        if event.name == "resync":
            event = make_event("resync", {"cursor": event.cursor}, cursor=event.cursor)
        self.outlet.write(event)

    def pass_milestone(self, position: Position, moved: Moved) -> None:
        """Moves the session to a version up to which this shard has offered it everything. While the flow catches up,
        it may have missed something, and goes on from its own position.
        """
        if self.catching_up or self.position >= position.version:
            return
        self.position = position.version
        before = self.outlet.positions
        if id(before) not in moved:  # sessions that share a tuple will share the next one
            moved[id(before)] = before, with_position(before, self.number, position)
        self.outlet.positions = moved[id(before)][1]

    def arrive(self) -> None:
        """The shard is back, and offers everything from now on: the flow catches up with what it missed."""
        self.absent = False
        if self.outlet.arriving is None:
            self._begin_to_catch_up()
        else:
            self.outlet.arriving.append(self._begin_to_catch_up)

    def _begin_to_catch_up(self) -> None:
        if self.joined and not self.closed:
            self.streams.run_replay(self._catch_up_or_close)

    def resume_from_store(self) -> None:
        if not self.absent:
            super().resume_from_store()

    def backlog(self) -> int:
        return self.outlet.backlog()

    def close(self, code: int, error: ParleyError | None = None) -> None:
        self.outlet.close(code, error)

    def offer_ephemeral(self, event: Event) -> None:
        self.outlet.offer_ephemeral(event)

    def revoke(self) -> None:
        self.outlet.revoke()

    def suspend(self) -> None:
        self.outlet.suspend()

    def collect_delivered(self, event: Event) -> None:
        self.outlet.collect_delivered(event)

    def wait_for_reader(self) -> None:
        self.outlet.wait_for_reader()


def write_all_missed(flows: Sequence[EventFlow]) -> None:
    """Writes what a session missed in several shards, in the order of the times that versions are. May block."""

    def of(flow: EventFlow) -> Iterator[tuple[int, EventFlow, Event]]:
        return ((place, flow, event) for place, event in flow.missed())

    for _, flow, event in heapq.merge(*map(of, flows), key=itemgetter(0)):
        flow.write_missed(event)
