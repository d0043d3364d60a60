"""The registry of this gateway's sessions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gevent

from app.core.close_codes import CloseCode
from app.core.errors import Overloaded, ParleyError, RateLimited
from app.fanout.hub_session import Session as HubSession
from app.gateway.activity import Activity
from app.gateway.devices import DeviceRegistry
from app.gateway.shard_sessions import ShardSessions

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
        shards: Sequence[ShardSessions],
        devices: DeviceRegistry,
        activity: Activity,
        max_sessions: int,
        max_sessions_per_user: int,
    ) -> None:
        self.hub = shards[0].hub  # has every session
        self.hubs = [shard.hub for shard in shards]
        self._shards = shards
        self._several = len(shards) > 1
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

    def sessions_of(self, user_id: int) -> list[Any]:
        """Returns the joined sessions of the user here."""
        return [flow.session for flow in self.hub.sessions_of(user_id)]

    def enter(self, flows: Sequence[HubSession]) -> list[int | None]:
        """Puts a session's flows into the hubs of their shards, and marks its user online in each. May block. Returns
        the versions after which everything is offered to the flows; None for a shard that is away, which gets the user
        when it is back. Raises RateLimited, and Overloaded if the first shard does not answer.
        """
        waiting = []
        for shard, flow in zip(self._shards, flows, strict=True):
            shard.hub.add(flow)
            waiting.append(None if shard.is_away() else shard.presence.begin_online(flow.user_id))
        found: list[int | None] = []
        for shard, flow, wait in zip(self._shards, flows, waiting, strict=True):
            try:
                found.append(None if wait is None else wait())
            except Overloaded:
                if not found:
                    raise
                found.append(None)
            if found[-1] is None:
                shard.miss(flow)
        return found

    def leave(self, flows: Sequence[HubSession]) -> None:
        """Takes a session's flows out of the hubs. Its user goes offline here with the last session."""
        for shard, flow in zip(self._shards, flows, strict=True):
            if self._several:
                shard.forget(flow)
            if shard.hub.remove(flow):
                shard.presence.mark_offline(flow.user_id)

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

    def close_all(self, seconds: float) -> None:
        """Closes all sessions with 1001, spread over at most ``seconds``, and accepts no new ones."""
        self._draining = True
        sessions = list(self._sessions)
        pause = min(seconds / max(len(sessions), 1), 0.001)
        for i, session in enumerate(sessions):
            session.close(CloseCode.GOING_AWAY)
            if i % 50 == 49:
                gevent.sleep(pause * 50)
