"""Bursts if there are several shards: each session has a cursor of its own, but many sessions have the same one.

An event is encoded once for all sessions whose positions in the other shards are equal, because they have then written
the same of them. From then on they share one tuple, which the next event finds without comparing.

A gateway could instead give all of its sessions the positions that it has dispatched. But these are too high for a user
whom Redis has forgotten: until the notice of that comes, other users' events move them past what this user has missed
(docs/decisions/shards.md). Here, nothing moves a session's position in a shard but an event of it for this session.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from app.core.cursor import LONG
from app.core.events import Event
from app.transports.burst import Burst
from app.transports.flusher import Flusher
from app.transports.shard_flow import Positions, placed
from app.transports.websocket_session import WebSocketSession


class PositionedBurst(Burst):
    """``positions`` are those of its sessions after the event. They had ``before``, which stays alive as long as its id
    is a key.
    """

    __slots__ = ("before", "is_long", "positions")

    def __init__(self, event: Event, number: int, before: Positions) -> None:
        with_positions, self.positions = placed(event, number, before)
        self.before = before
        self.is_long = len(with_positions.cursor) > LONG
        super().__init__(event, (with_positions.frame,), [])


class ShardBursts:
    def __init__(self, flusher: Flusher, number: int) -> None:
        self._flusher = flusher
        self._number = number

    def offer(self, flows: Iterable[Any], event: Event) -> None:
        """Offers the event to each flow of this shard. Never blocks or raises."""
        version = event.version
        below = version or sys.maxsize  # text of a stream has no place, so it never comes too late
        by_id: dict[int, PositionedBurst] = {}
        bursts: dict[Positions, PositionedBurst] = {}
        for flow in flows:
            session = flow.outlet
            if session.__class__ is WebSocketSession and not flow.catching_up and flow.position < below:
                connection: Any = session.connection
                if not connection.busy:
                    positions = session.positions if version else ()
                    burst = by_id.get(id(positions)) or self._burst(event, positions, bursts, by_id)
                    if version:
                        flow.position = version
                        session.positions = burst.positions
                    connection.busy = True
                    connection.blocks = burst.blocks
                    burst.sessions.append(session)
                    continue
            flow.offer(event)
        for burst in bursts.values():
            self._flusher.add(burst)
            if burst.is_long:
                for session in burst.sessions:
                    session.streams.ask_for_milestones(session)

    def _burst(
        self,
        event: Event,
        positions: Positions,
        bursts: dict[Positions, PositionedBurst],
        by_id: dict[int, PositionedBurst],
    ) -> PositionedBurst:
        """Returns the burst of sessions with equal positions. While it exists, ``positions`` keeps its id only if the
        burst refers to it, so only that id is noted.
        """
        burst = bursts.get(positions)
        if burst is None:
            burst = bursts[positions] = by_id[id(positions)] = PositionedBurst(event, self._number, positions)
        return burst
