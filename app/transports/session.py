"""A session: one connection of one user that reads the stream of events, over any transport.

Invariants
* Events are written in the order of their versions, each at most once. ``position`` is the last one written.
* While a session catches up, live events wait in a bounded buffer. If the buffer overflows, it is dropped, and catching
  up continues from ``position``: the store and the log's tail have all of it. So there is no gap, and memory does not
  grow.
* The session is in the hub, and its user is online in Redis, *before* the tail and then the store are read.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import gevent

from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.cursor import encode_cursor
from app.core.errors import Overloaded, ParleyError, Suspended, Unauthorized
from app.core.events import Event, EventBatch, make_event
from app.core.networks import network_of
from app.current_request import current_address
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.refusals import BAD_ENDS, REFUSALS

log = logging.getLogger(__name__)
access_log = logging.getLogger("parley.access")

BUFFER_EVENTS = 500
NO_CLOSE_FRAME = 1006  # RFC 6455 section 7.1.5: the connection broke
MAX_WATCHED = 5000  # users whose presence one session may watch


class Session:
    """Base of the three transports. Subclasses write events and report how much is waiting."""

    __slots__ = (
        "_buffer",
        "_catching_up",
        "_device_connected",
        "_undelivered",
        "_watched",
        "_when_live",
        "address",
        "auth_session",
        "auto_ack",
        "closed",
        "device_id",
        "end_code",
        "expires_at",
        "id",
        "joined",
        "position",
        "registry",
        "start",
        "streams",
        "user_id",
    )

    transport = ""
    writes_batches = True

    def __init__(self, registry: SessionRegistry, streams: Streams) -> None:
        self.registry = registry
        self.streams = streams
        self.id = ""
        self.user_id = 0
        self.auth_session = ""
        self.expires_at = 0
        self.address = current_address()
        self.end_code = NO_CLOSE_FRAME
        self.device_id: str | None = None
        self.auto_ack = False
        self.joined = False
        self.closed = False
        self.position = 0
        self.start = 0  # the version at which it entered
        self._buffer: list[Event] | None = None
        self._catching_up = False
        self._device_connected = False
        self._undelivered: dict[int, int] | None = None
        self._watched: set[int] | None = None
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

    def check(self, now: float, wall: float) -> None:
        """Does what is due, and closes the session if necessary. Called once a second with both clocks."""
        raise NotImplementedError

    # --- the stream

    def identify(self, caller: Caller) -> None:
        self.id = secrets.token_hex(8)
        self.user_id = caller.user_id
        self.auth_session = caller.sid
        self.expires_at = caller.expires_at

    def enter(self) -> int:
        """Joins the hub and goes online; from here on, live events collect in the buffer. May block. Returns the
        present version of the stream: everything after it will be offered. Raises Overloaded, RateLimited.
        """
        self.registry.check_user_room(self.user_id)
        self.joined = True
        self._catching_up = True
        self._buffer = []
        try:
            version = self.registry.enter(self)
            if self.device_id is not None:
                self.registry.devices.connected(self.user_id, self.device_id)
                self._device_connected = True
            return version
        except BaseException:
            self.detach()
            raise

    def offer(self, event: Event) -> None:
        if self._catching_up:
            self._hold(event)
        elif event.version > self.position:
            self.position = event.version
            self._collect_delivered(event)
            self.write(event)

    def offer_batch(self, batch: EventBatch) -> None:
        if self.writes_batches and not self._catching_up and self.position < batch.parts[0].version:
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

    def _collect_delivered(self, event: Event) -> None:
        if self.auto_ack and event.seq and event.sender_id != self.user_id:
            if self._undelivered is None:
                self._undelivered = {}
            # A replay brings a changed message after later ones.
            before = self._undelivered.get(event.conversation_id, 0)
            self._undelivered[event.conversation_id] = max(before, event.seq)

    def written_out(self) -> None:
        """Notes that everything was written to the client, so that its messages are delivered."""
        if self._undelivered:
            marks, self._undelivered = self._undelivered, None
            self.streams.deliveries.add(self.user_id, marks)

    def go_live(self, position: int) -> None:
        """Goes on from ``position``: nothing was missed."""
        self.position = max(self.position, position)
        self._catching_up = True
        while self._buffer is None:
            self._buffer = []
            self._replay()
        self._release()

    def catch_up(self) -> None:
        """Writes everything after ``position`` from the tail and the store, then goes live. May block."""
        self._catching_up = True
        if self._buffer is None:
            self._buffer = []
        self._replay()
        self.go_live(self.position)

    def _replay(self) -> None:
        more, since = True, self.position
        while more and not self.closed:
            begin = self.position
            events, more = self.streams.replay.changes_since(self.user_id, begin, since)
            for event in events:
                if event.version > begin:
                    self.position = event.version
                    self._collect_delivered(event)
                    self.write(event)
                    self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        """Lets the reader take the backlog first: even one page of a replay may be longer than any outbox."""
        limit = self.streams.max_backlog
        while not self.closed and self.backlog() > limit:
            gevent.sleep(0.02)

    def _release(self) -> None:
        buffered, self._buffer = self._buffer or [], None
        self._catching_up = False
        for event in buffered:
            self.offer(event)
        act, self._when_live = self._when_live, None
        if act is not None:
            act()

    @property
    def catching_up(self) -> bool:
        return self._catching_up

    def when_live(self, act: Callable[[], None]) -> None:
        """Calls ``act`` once the session has caught up. At most one can wait."""
        self._when_live = act

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Holds events back while a state is read and sent, so that no newer event reaches the client before it.

        Waits for the end of a replay, because that sends events too. May block.
        """
        while self._catching_up and not self.closed:
            gevent.sleep(0.02)
        self._catching_up = True
        self._buffer = []
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
        if self._catching_up:
            self._buffer = None  # the buffer may have a gap now, so it is dropped and read again
            return
        self._catching_up = True
        self._buffer = []
        self.streams.run_replay(self._catch_up_or_close)

    def _catch_up_or_close(self) -> None:
        self._or_close(self.catch_up)

    def _or_close(self, act: Callable[[], None]) -> None:
        try:
            act()
        except ParleyError as error:
            log.warning("session %s cannot catch up (%s); it is closed, and its client returns", self.id, error.code)
            self.close(CloseCode.TRY_AGAIN_LATER, Overloaded())

    def reset(self, epoch: int, version: int) -> None:
        """Sends ``resync``: Redis lost its history, so old positions mean nothing. The client reads its state again."""
        if self.closed or not self.joined:
            return
        self.position = min(self.position, version)  # in case the clock was set back as well
        cursor = encode_cursor(epoch, version)
        self.write(make_event("resync", {"cursor": cursor}, cursor=cursor))

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
        self.registry.hub.watch(self, user_ids)

    def log(self, what: str, **more: int) -> None:
        """Writes a line about the session into the access log."""
        facts = {"transport": self.transport, "session": self.id, "user": self.user_id, "address": self.address}
        access_log.info(what, extra={name: fact for name, fact in {**facts, **more}.items() if fact})

    def detach(self) -> None:
        """Takes the session out of the hub and its user offline. Safe to call twice."""
        if not self.joined:
            return
        self.joined = False
        if self._watched:
            self.registry.hub.unwatch(self, self._watched)
            self._watched = None
        self.registry.leave(self)
        if self._device_connected:
            self._device_connected = False
            self.registry.devices.disconnected(self.user_id, str(self.device_id))

    def on_closed(self) -> None:
        """Ends the session after its connection was closed."""
        if not self.closed:
            self.closed = True
            self.log("session ends", close_code=self.end_code)
            if self.end_code in BAD_ENDS:
                REFUSALS.note_end(network_of(self.address))
            self._buffer = self._when_live = None
            self.detach()
            self.registry.remove(self)
