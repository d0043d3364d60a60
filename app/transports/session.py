"""A session: one connection of one user, reading the stream of events by whichever transport.

Invariants
* Events are written in the order of their versions, each at most once; ``position`` is the last one written.
* While catching up, live events wait in a bounded buffer. Where it overflows it is dropped, and catching up goes on
  from ``position``: the store and the tail have all of it. So there is no gap, and no memory that grows.
* The session is in the hub, and its user noted in Redis, *before* the tail and then the store are read.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

import gevent

from app.core.caller import Caller
from app.core.cursor import Position, encode_cursor
from app.core.errors import Overloaded, ParleyError
from app.core.events import Event, EventBatch, make_event

if TYPE_CHECKING:
    from app.transports.gateway import Gateway

log = logging.getLogger(__name__)

BUFFER_EVENTS = 500
MAX_WATCHED = 5000  # users whose presence one session may watch
# A replay waits while the reader has so much to take.
REPLAY_BACKLOG_BYTES = 256 * 1024


class Session:
    """Base of the three transports. Subclasses say how an event is written and how much is still waiting."""

    __slots__ = (
        "_buffer",
        "_catching_up",
        "_device_noted",
        "_undelivered",
        "_watched",
        "auth_session",
        "auto_ack",
        "closed",
        "device_id",
        "expires_at",
        "gateway",
        "id",
        "joined",
        "position",
        "start",
        "user_id",
    )

    transport = ""
    writes_batches = True

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.id = ""
        self.user_id = 0
        self.auth_session = ""
        self.expires_at = 0
        self.device_id: str | None = None
        self.auto_ack = False
        self.joined = False
        self.closed = False
        self.position = 0
        self.start = 0  # the version at which it entered
        self._buffer: list[Event] | None = None
        self._catching_up = False
        self._device_noted = False
        self._undelivered: dict[int, int] | None = None
        self._watched: set[int] | None = None

    # --- what a transport provides

    def write(self, event: Event) -> None:
        raise NotImplementedError

    def backlog(self) -> int:
        """Bytes that wait for the reader."""
        raise NotImplementedError

    def end(self, error: ParleyError | None, close_code: int) -> None:
        """Tell the client why (where its transport can), then end. Must end in ``gone``."""
        raise NotImplementedError

    def check(self, now: float, wall: float) -> None:
        """Once a second, by the monotonic and by the wall clock: what is due, overdue or over."""
        raise NotImplementedError

    # --- the stream

    def identify(self, caller: Caller) -> None:
        self.id = secrets.token_hex(8)
        self.user_id = caller.user_id
        self.auth_session = caller.sid
        self.expires_at = caller.expires_at

    def enter(self) -> int:
        """Join the hub and be noted as online; live events gather from here on. May block. Returns the stream's present
        version: everything after it will be offered. Raises Overloaded, RateLimited."""
        self.gateway.admit(self)
        self.joined = True
        self._catching_up = True
        self._buffer = []
        self.gateway.hub.add(self)
        try:
            version = self.gateway.presence.mark_online(self.user_id)
            if self.device_id is not None:
                self.gateway.note_device(self.user_id, self.device_id)
                self._device_noted = True
            return version
        except BaseException:
            self.leave()
            raise

    def offer(self, event: Event) -> None:
        if self._catching_up:
            self._hold(event)
        elif event.version > self.position:
            self.position = event.version
            self._note(event)
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

    def _note(self, event: Event) -> None:
        if self.auto_ack and event.seq and event.sender_id != self.user_id:
            if self._undelivered is None:
                self._undelivered = {}
            self._undelivered[event.conversation_id] = event.seq

    def written_out(self) -> None:
        """All that was written has left for the client: what was a message is delivered."""
        if self._undelivered:
            marks, self._undelivered = self._undelivered, None
            self.gateway.deliveries.note(self.user_id, marks)

    def go_live(self, position: int) -> None:
        """Nothing was missed: go on from ``position``."""
        self.position = max(self.position, position)
        self._catching_up = True
        while self._buffer is None:
            self._buffer = []
            self._replay()
        self._release()

    def catch_up(self) -> None:
        """Bring everything after ``position`` from the tail and the store, then go live. May block."""
        self._catching_up = True
        if self._buffer is None:
            self._buffer = []
        self._replay()
        self.go_live(self.position)

    def _replay(self) -> None:
        more, since = True, self.position
        while more and not self.closed:
            begin = self.position
            events, more = self.gateway.changes_since(self.user_id, begin, since)
            for event in events:
                if event.version > begin:
                    self.position = event.version
                    self._note(event)
                    self.write(event)
                    self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        """A replay, and one page of it, may be longer than any outbox: let the reader take what is there first."""
        most = min(REPLAY_BACKLOG_BYTES, self.gateway.limits.bytes // 4)
        while not self.closed and self.backlog() > most:
            gevent.sleep(0.02)

    def _release(self) -> None:
        buffered, self._buffer = self._buffer or [], None
        self._catching_up = False
        for event in buffered:
            self.offer(event)

    def resume_from_store(self) -> None:
        """The subscription broke: something may have been missed."""
        if self.closed or not self.joined:
            return
        if self._catching_up:
            self._buffer = None  # what gathers there may have a gap now: it is dropped, and read once more
            return
        self._catching_up = True
        self._buffer = []
        self.gateway.resume_later(self._catch_up_or_end)

    def _catch_up_or_end(self) -> None:
        try:
            self.catch_up()
        except ParleyError as error:
            log.warning("session %s cannot be brought up to date (%s); it ends and comes back", self.id, error.code)
            self.end(Overloaded(), 1013)

    def reset(self, epoch: int, version: int) -> None:
        """Redis lost its history: positions of the old one mean nothing. The client fetches what it has not read."""
        if self.closed or not self.joined:
            return
        self.position = min(self.position, version)  # should the clock have gone back as well
        cursor = encode_cursor(epoch, version)
        self.write(make_event("resync", {"cursor": cursor}, cursor=cursor))

    def revoke(self) -> None:
        self.end(self.gateway.unauthorized("The session was logged out."), 4401)

    def room_to_watch(self) -> int:
        return MAX_WATCHED - len(self._watched or ())

    def watch(self, user_ids: list[int]) -> None:
        if self._watched is None:
            self._watched = set()
        self._watched.update(user_ids)
        self.gateway.hub.watch(self, user_ids)

    def leave(self) -> None:
        """Take the session out of hub and presence. Safe to call twice."""
        if not self.joined:
            return
        self.joined = False
        if self._watched:
            self.gateway.hub.unwatch(self, self._watched)
            self._watched = None
        if self.gateway.hub.remove(self):
            self.gateway.presence.mark_offline(self.user_id)
        if self._device_noted:
            self._device_noted = False
            self.gateway.forget_device(self.user_id, str(self.device_id))

    def gone(self) -> None:
        """The connection is no more."""
        if not self.closed:
            self.closed = True
            self._buffer = None
            self.leave()
            self.gateway.forget(self)


def begin_stream(session: Session, cursor: str | None) -> tuple[dict[str, Any], Position | None, bool]:
    """Enter, and find where to go on. May block.

    Returns the data of ``joined``, the position to catch up from (None: from the present) and whether the cursor could
    not be resumed from, so that ``resync`` must follow.
    """
    session.gateway.parley.limits.joins(session.user_id)
    session.start = version = session.enter()
    gateway = session.gateway
    epoch = gateway.path.epoch.number
    position = gateway.resumable(cursor, version) if cursor else None
    unread = gateway.unread_counts(session.user_id)
    start = position.version if position else version
    data = {
        "userId": session.user_id,
        "sessionId": session.id,
        "cursor": encode_cursor(epoch, start),
        "unread": [{"conversationId": i, "count": n} for i, n in sorted(unread.items())],
        "limits": gateway.client_limits,
    }
    return data, position, bool(cursor) and position is None
