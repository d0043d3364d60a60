"""A session: one connection of one user that reads the stream of events, over any transport.

The session is in the hub, and its user is online in Redis, *before* the tail and then the store are read.
"""

from __future__ import annotations

import logging
import secrets

from app.core.caller import Caller
from app.core.close_codes import CloseCode
from app.core.errors import Suspended, Unauthorized
from app.core.networks import network_of
from app.current_request import current_address
from app.gateway.sessions import SessionRegistry
from app.gateway.streams import Streams
from app.refusals import BAD_ENDS, REFUSALS
from app.transports.event_flow import EventFlow

access_log = logging.getLogger("parley.access")

NO_CLOSE_FRAME = 1006  # RFC 6455 section 7.1.5: the connection broke
MAX_WATCHED = 5000  # users whose presence one session may watch


class Session(EventFlow):
    """Base of the three transports: who is connected, and what the registry does with the connection."""

    __slots__ = (
        "_device_connected",
        "_watched",
        "address",
        "auth_session",
        "device_id",
        "end_code",
        "expires_at",
        "registry",
        "start",
    )

    transport = ""

    def __init__(self, registry: SessionRegistry, streams: Streams) -> None:
        super().__init__(streams)
        self.registry = registry
        self.auth_session = ""
        self.expires_at = 0
        self.address = current_address()
        self.end_code = NO_CLOSE_FRAME
        self.device_id: str | None = None
        self.start = 0  # the version at which it entered
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

    def enter(self) -> int:
        """Joins the hub and goes online; from here on, live events collect in the buffer. May block. Returns the
        present version of the stream: everything after it will be offered. Raises Overloaded, RateLimited.
        """
        self.registry.check_user_room(self.user_id)
        self.joined = True
        self.begin_holding()
        try:
            version = self.registry.enter(self)
            if self.device_id is not None:
                self.registry.devices.connected(self.user_id, self.device_id)
                self._device_connected = True
            return version
        except BaseException:
            self.detach()
            raise

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
        self.registry.hub.watchers.watch(self, user_ids)

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
            self.registry.hub.watchers.unwatch(self, self._watched)
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
            self.drop_held()
            self.detach()
            self.registry.remove(self)
