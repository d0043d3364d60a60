"""The registry of this gateway's sessions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

import gevent

from app.core.close_codes import CloseCode
from app.core.errors import Overloaded, ParleyError, RateLimited
from app.fanout.hub import Hub
from app.fanout.hub_session import Session as HubSession
from app.gateway.activity import Activity
from app.gateway.devices import DeviceRegistry
from app.gateway.presence_registry import PresenceRegistry

log = logging.getLogger(__name__)


class Session(HubSession, Protocol):
    """A connection of a user, as the registry sees it."""

    def close(self, code: int, error: ParleyError | None = None) -> None: ...
    def check(self, now: float, wall: float) -> None: ...


class SessionRegistry:
    """Holds all sessions, including those that have not joined yet. Sessions enter the hub when they join."""

    def __init__(
        self,
        *,
        hub: Hub,
        presence: PresenceRegistry,
        devices: DeviceRegistry,
        activity: Activity,
        max_sessions: int,
        max_sessions_per_user: int,
    ) -> None:
        self.hub = hub
        self.presence = presence
        self.devices = devices
        self.activity = activity
        self._max_sessions = max_sessions
        self._max_sessions_per_user = max_sessions_per_user
        self._sessions: set[Session] = set()
        self._draining = False

    def __len__(self) -> int:
        return len(self._sessions)

    def check_room(self) -> None:
        """Called before a connection is taken over. Raises Overloaded if the gateway is full or shuts down."""
        if self._draining or len(self._sessions) >= self._max_sessions:
            raise Overloaded("This gateway takes no more sessions.", retry_after=5.0)

    def add(self, session: Session) -> None:
        self._sessions.add(session)

    def remove(self, session: Session) -> None:
        self._sessions.discard(session)

    def check_user_room(self, user_id: int) -> None:
        """Raises RateLimited if the user has too many sessions here."""
        if len(self.hub.sessions_of(user_id)) >= self._max_sessions_per_user:
            raise RateLimited("Too many sessions.", retry_after=30.0)

    def enter(self, session: Session) -> int:
        """Puts the session into the hub and marks its user online. May block. Returns the version after which
        everything is offered to the session. Raises Overloaded.
        """
        self.hub.add(session)
        return self.presence.mark_online(session.user_id)

    def leave(self, session: Session) -> None:
        """Takes the session out of the hub. Its user goes offline here with the last session."""
        if self.hub.remove(session):
            self.presence.mark_offline(session.user_id)

    def check_all(self) -> None:
        """Called once a second: sends due pings, and closes sessions with missing pongs, expired tokens, overdue joins
        or stalled readers.
        """
        now, wall = time.monotonic(), time.time()
        for session in list(self._sessions):
            session.check(now, wall)

    def end_revoked(self, is_revoked: Callable[[str, int], bool]) -> None:
        """Closes the sessions whose auth session ended, and those of users who are gone, even if every publication of
        it was lost.
        """
        for session in list(self.hub):
            if is_revoked(session.auth_session, session.user_id):
                session.revoke()

    def end_suspended(self, is_suspended: Callable[[int], bool]) -> None:
        """Closes the sessions of suspended users."""
        for session in list(self.hub):
            if is_suspended(session.user_id):
                session.suspend()

    def resume_all(self) -> None:
        """Brings every session up to date from the store: all of them may have missed something."""
        for session in list(self.hub):
            session.resume_from_store()

    def hold_all(self) -> None:
        """Holds live events back from every session until ``reset_all`` or ``turn_away``: a new epoch began."""
        for session in list(self.hub):
            session.hold()

    def reset_all(self, epoch: int, version: int) -> None:
        """Sends ``resync`` to every session, then what was held back."""
        for session in list(self.hub):
            session.reset(epoch, version)

    def turn_away(self) -> None:
        """Closes all sessions, whose clients return and then get their ``resync``."""
        for session in list(self.hub):
            session.turn_away()

    def reregister_all(self) -> None:
        """Marks all users online again: Redis has forgotten them. Its notice resumes their sessions."""
        self.presence.reregister(self.hub.users())

    def close_all(self, seconds: float) -> None:
        """Closes all sessions with 1001, spread over at most ``seconds``, and accepts no new ones."""
        self._draining = True
        sessions = list(self._sessions)
        pause = min(seconds / max(len(sessions), 1), 0.001)
        for i, session in enumerate(sessions):
            session.close(CloseCode.GOING_AWAY)
            if i % 50 == 49:
                gevent.sleep(pause * 50)
