"""A session: one connection of one user that reads the stream of events, over any transport.

The session is in the hub, and its user is online in Redis, *before* the tail and then the store are read.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.cursor import encode_positions
from app.core.errors import Suspended, Unauthorized
from app.core.networks import network_of
from app.core.position import Position
from app.current_request import current_address
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.refusals import BAD_ENDS, REFUSALS
from app.transports.event_flow import EventFlow
from app.transports.shard_flow import Positions, ShardFlow, write_all_missed

access_log = logging.getLogger("parley.access")

NO_CLOSE_FRAME = 1006  # RFC 6455 section 7.1.5: the connection broke
MAX_WATCHED = 5000  # users whose presence one session may watch


class Session(EventFlow):
    """Base of the three transports: who is connected, and what the registry does with the connection."""

    __slots__ = (
        "_device_connected",
        "_flows",
        "_watched",
        "address",
        "arriving",
        "auth_session",
        "device_id",
        "end_code",
        "expires_at",
        "positions",
        "present",
        "registry",
        "versions",
    )

    def __init__(self, registry: SessionRegistry, streams: Streams) -> None:
        super().__init__(streams)
        self.registry = registry
        self.auth_session = ""
        self.expires_at = 0
        self.address = current_address()
        self.end_code = NO_CLOSE_FRAME
        self.device_id: str | None = None
        self.versions: Sequence[int | None] = ()  # of each shard when the session entered; None if the shard was away
        self.present: Sequence[Position] = ()  # versions after which each shard offers everything
        self.positions: Positions = ()
        self.arriving: list[Callable[[], None]] | None = None  # see holding_all
        self._flows: Sequence[EventFlow] | None = None  # None: this session itself is the only flow
        self._device_connected = False
        self._watched: set[int] | None = None

    # --- implemented by each transport

    def check(self, now: float, wall: float) -> None:
        """Does the periodic work and closes the session if necessary. Called once a second with both clocks."""
        raise NotImplementedError

    # --- the session

    def identify(self, caller: Caller) -> None:
        self.id = secrets.token_hex(8)
        self.user_id = caller.user_id
        self.auth_session = caller.sid
        self.expires_at = caller.expires_at

    @property
    def flows(self) -> Sequence[EventFlow]:
        """One for each shard. If there is one shard, it is this session itself."""
        return self._flows or (self,)

    @property
    def flows_there(self) -> Sequence[EventFlow]:
        """The flows whose shards answered when the session began, or later."""
        return [flow for flow in self._flows if not flow.absent] if self._flows else (self,)

    @property
    def session(self) -> Session:
        return self

    @property
    def watcher(self) -> EventFlow:
        """The flow that watches the presence of others, which belongs to no shard: the first one."""
        return self.flows[0]

    def enter(self) -> None:
        """Joins the hubs and goes online; from here on, live events collect in the buffers. May block. ``present`` has
        the positions after which everything will be offered. Raises Overloaded, RateLimited.
        """
        self.registry.check_user_room(self.user_id)
        if len(self.streams.by_shard) > 1:
            self._flows = [ShardFlow(self, streams, n) for n, streams in enumerate(self.streams.by_shard)]
        self.joined = True
        for flow in self.flows:
            flow.joined = True
            flow.begin_holding()
        try:
            self.versions = self.registry.enter(self.flows)
            self.present = [
                Position(streams.epoch, streams.known_version() if version is None else version)
                for streams, version in zip(self.streams.by_shard, self.versions, strict=True)
            ]
            if self.device_id is not None:
                self.registry.devices.connected(self.user_id, self.device_id)
                self._device_connected = True
        except BaseException:
            self.detach()
            raise

    def start_at(self, positions: Sequence[Position]) -> str:
        """Sets where the stream begins. Returns the cursor of this position."""
        for flow, position in zip(self.flows, positions, strict=True):
            flow.position = position.version
        if self._flows is not None:
            self.positions = tuple(positions)
        return encode_positions(positions)

    def catch_up_all(self) -> None:
        """Writes everything that was missed since the start, in all shards, then goes live. May block. The flow of a
        shard that is away catches up when the shard is back and gets its users again.
        """
        write_all_missed(self.flows_there)
        self.go_live_all()

    def go_live_all(self) -> None:
        """Goes on from the start. May block."""
        for flow in self.flows_there:
            flow.go_live(flow.position)
        self.versions = self.present = ()

    def flow_catching_up(self) -> EventFlow | None:
        """Returns a flow that is not live, or None."""
        return next((flow for flow in self.flows_there if flow.catching_up), None)

    @contextmanager
    def holding_all(self) -> Iterator[None]:
        """Does for all shards what ``holding`` does for one. If a shard comes back while the block runs, its flow
        begins to catch up afterwards. The block does not wait for it, because the shard may stay away.
        """
        self.arriving = []
        try:
            with ExitStack() as stack:
                for flow in self.flows_there:
                    stack.enter_context(flow.holding())
                yield
        finally:
            arriving, self.arriving = self.arriving, None
            for act in arriving:
                act()

    def waiting_for_reset(self) -> list[Callable[[], None]] | None:
        """Returns the answers that wait until the client has its ``resync``, or None if nothing has to wait."""
        if self._flows is None:
            return self._after_reset
        return next((flow.after_reset for flow in self._flows if flow.after_reset is not None), None)

    def revoke(self) -> None:
        """Closes the session: its auth session was logged out."""
        self.close(CloseCode.UNAUTHORIZED, Unauthorized("The session was logged out."))

    def suspend(self) -> None:
        """Closes the session: its user was suspended."""
        self.close(CloseCode.UNAUTHORIZED, Suspended())

    def room_to_watch(self) -> int:
        return MAX_WATCHED - len(self._watched or ())

    def watch(self, user_ids: list[int]) -> None:
        if self._watched is None:
            self._watched = set()
        self._watched.update(user_ids)
        self.registry.hub.watchers.watch(self.watcher, user_ids)

    def log(self, what: str, **more: int) -> None:
        """Writes a line about the session into the access log."""
        facts = {"transport": self.transport, "session": self.id, "user": self.user_id, "address": self.address}
        access_log.info(what, extra={name: fact for name, fact in {**facts, **more}.items() if fact})

    def detach(self) -> None:
        """Takes the session out of the hub and its user offline. Safe to call twice."""
        if not self.joined:
            return
        self.joined = False
        for flow in self.flows:
            flow.joined = False
        if self._watched:
            self.registry.hub.watchers.unwatch(self.watcher, self._watched)
            self._watched = None
        self.registry.leave(self.flows)
        if self._device_connected:
            self._device_connected = False
            self.registry.devices.disconnected(self.user_id, str(self.device_id))

    def on_closed(self) -> None:
        """Ends the session after its connection was closed."""
        if not self.closed:
            for flow in self.flows:
                flow.closed = True
            self.closed = True
            self.log("session ends", close_code=self.end_code)
            if self.end_code in BAD_ENDS:
                REFUSALS.note_end(network_of(self.address))
            for flow in self.flows:
                flow.drop_held()
            self.detach()
            self.registry.remove(self)
