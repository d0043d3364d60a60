"""The sessions of this process that watch the presence of users, and the last state that they got of these users."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.core.events import presence_event
from app.fanout.hub_session import Session


class State(NamedTuple):
    """Whether a user is online, and when they were last seen in ms (None or 0 if that is unknown here)."""

    online: bool
    seen_ms: int | None


class Watchers:
    """Never blocks. ``released`` are users whom no session watches any more; Redis may still publish their changes.

    A state that is read from Redis and a change that is published come over two connections. ``moment`` orders them: a
    change that comes after a read has begun is kept, because the state that was read may be older.
    """

    def __init__(self) -> None:
        self._sessions: dict[int, dict[Session, bool]] = {}  # user -> session -> whether it may see
        self._states: dict[int, tuple[int, State]] = {}  # of watched users, with the moment
        self.released: dict[int, None] = {}
        self.moment = 0

    def __contains__(self, user_id: int) -> bool:
        return user_id in self._sessions

    def visible(self) -> list[int]:
        """Returns the users whose presence a session may see."""
        return [user_id for user_id, sessions in self._sessions.items() if True in sessions.values()]

    def of(self, user_id: int, *, may_see: bool) -> list[Session]:
        """Returns the sessions that watch the user and may, or may not, see their presence."""
        return [session for session, may in self._sessions.get(user_id, {}).items() if may is may_see]

    def watch(self, session: Session, user_ids: Iterable[int]) -> None:
        """Notes that ``session`` watches these users. It gets their presence only after ``allow``."""
        for user_id in user_ids:
            self._sessions.setdefault(user_id, {}).setdefault(session, False)
            self.released.pop(user_id, None)

    def allow(self, session: Session, user_ids: Iterable[int]) -> None:
        for user_id in user_ids:
            sessions = self._sessions.get(user_id, {})
            if session in sessions:
                sessions[session] = True

    def unwatch(self, session: Session, user_ids: Iterable[int]) -> None:
        for user_id in user_ids:
            sessions = self._sessions.get(user_id)
            if sessions is not None:
                sessions.pop(session, None)
                if not sessions:
                    del self._sessions[user_id]
                    self._states.pop(user_id, None)
                    self.release([user_id])

    def release(self, user_ids: Iterable[int]) -> None:
        """Notes which of the users no session watches any more."""
        self.released.update((user_id, None) for user_id in user_ids if user_id not in self._sessions)

    def take_released(self, limit: int) -> list[int]:
        taken = list(self.released)[:limit]
        for user_id in taken:
            del self.released[user_id]
        return taken

    def show(self, user_id: int, state: State) -> None:
        """Sends a change of presence to the sessions that may see it."""
        if user_id in self._sessions:
            self.moment += 1
            self._states[user_id] = self.moment, state
            self._offer(user_id, state)

    def hide(self, user_id: int) -> None:
        """Shows the user as offline to all sessions. Those that still may see the user subscribe again."""
        seeing = self.of(user_id, may_see=True)
        for session in seeing:
            self._sessions[user_id][session] = False
        for session in seeing:
            session.offer_ephemeral(presence_event(user_id, False, None))

    def learn(self, states: Mapping[int, State], since: int) -> dict[int, State]:
        """Takes the states that were read from Redis at or after ``since``, a former ``moment``. Returns the newest
        states, and sends them to sessions that have missed a change.
        """
        newest = dict(states)
        for user_id, state in states.items():
            moment, known = self._states.get(user_id, (0, None))
            if known is not None and moment > since:
                newest[user_id] = known
            elif user_id in self._sessions:
                self._states[user_id] = moment, state
                if known is not None and known.online != state.online:
                    self._offer(user_id, state)
        return newest

    def _offer(self, user_id: int, state: State) -> None:
        seeing = self.of(user_id, may_see=True)
        if seeing:
            event = presence_event(user_id, state.online, state.seen_ms)
            for session in seeing:
                session.offer_ephemeral(event)
