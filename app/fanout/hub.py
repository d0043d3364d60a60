"""The hub: which sessions of this process belong to which user, and what the bus brings for them.

Everything here runs in one event loop and never blocks: a dispatch is a loop over memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from app.core.errors import Internal, Overloaded, ParleyError
from app.core.events import Event, Run, presence_event, typing_event
from app.core.record_events import event_of, group_event, progress_event
from app.core.records import Kind, Record

Settled = Callable[[Iterable[int], ParleyError | None], None]

log = logging.getLogger(__name__)


class Session(Protocol):
    """One connection of one user, as the hub sees it. ``offer`` must not block and must not raise."""

    id: str
    user_id: int
    auth_session: str
    transport: str

    def offer(self, event: Event) -> None: ...
    def offer_run(self, run: Run) -> None: ...
    def offer_ephemeral(self, event: Event) -> None: ...
    def resume_from_store(self) -> None: ...
    def reset(self, epoch: int, version: int) -> None: ...
    def revoke(self) -> None: ...


class Hub:
    """Local sessions by user. ``settled`` learns what the drain stored or set aside."""

    def __init__(self, settled: Settled, *, revoked: Callable[[str], None]) -> None:
        self._sessions: dict[int, tuple[Session, ...]] = {}
        self._watchers: dict[int, dict[Session, bool]] = {}  # whether the session is told when the user was last seen
        self._settled = settled
        self._revoked = revoked
        self.epoch = 0
        self.deliveries = 0
        self.by_transport: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(self.by_transport.values())

    def __iter__(self) -> Iterator[Session]:
        for sessions in list(self._sessions.values()):
            yield from sessions

    def users(self) -> list[int]:
        return list(self._sessions)

    def sessions_of(self, user_id: int) -> tuple[Session, ...]:
        return self._sessions.get(user_id, ())

    def add(self, session: Session) -> None:
        self._sessions[session.user_id] = (*self._sessions.get(session.user_id, ()), session)
        self.by_transport[session.transport] += 1

    def remove(self, session: Session) -> bool:
        """True where this was the user's last session here."""
        kept = tuple(s for s in self._sessions.get(session.user_id, ()) if s is not session)
        if len(kept) == len(self._sessions.get(session.user_id, ())):
            return False
        self.by_transport[session.transport] -= 1
        if kept:
            self._sessions[session.user_id] = kept
            return False
        del self._sessions[session.user_id]
        return True

    def watch(self, session: Session, user_ids: Iterable[int]) -> None:
        """Tell ``session`` when these users come or go; and when they were last seen, after ``show_last_seen``."""
        for user_id in user_ids:
            self._watchers.setdefault(user_id, {}).setdefault(session, False)

    def show_last_seen(self, session: Session, user_ids: Iterable[int]) -> None:
        for user_id in user_ids:
            watchers = self._watchers.get(user_id, {})
            if session in watchers:
                watchers[session] = True

    def unwatch(self, session: Session, user_ids: Iterable[int]) -> None:
        for user_id in user_ids:
            watchers = self._watchers.get(user_id)
            if watchers is not None:
                watchers.pop(session, None)
                if not watchers:
                    del self._watchers[user_id]

    def dispatch(self, epoch: int, items: list[Any]) -> None:
        """What one publication of the bus brought: ``[[users, record], ...]`` in stream order."""
        marks: list[Event] = []  # of the same users, one after the other
        whose: list[int] = []
        for users, record in items:
            kind = record[0]
            if marks and (users != whose or not Kind.DELIVERED <= kind <= Kind.READ):
                self._deliver_run(whose, marks)
                marks = []
            if Kind.DELIVERED <= kind <= Kind.READ:
                marks.append(event_of(epoch, Record(*record)))
                whose = users
            elif kind == Kind.MESSAGE:
                self._deliver(users, event_of(epoch, Record(*record)))
            elif kind == Kind.GROUP_CHANGED:
                self._deliver(users, group_event(epoch, Record(*record[:-1]), record[-1]))
            elif Kind.EDITED <= kind <= Kind.BLOCKED_MESSAGE or Kind.MEDIA <= kind <= Kind.MEDIA_RESOLVED:
                self._deliver(users, event_of(epoch, Record(*record)))
            else:
                self._act(kind, users, record)
        if marks:
            self._deliver_run(whose, marks)

    def _deliver_run(self, users: list[int], events: list[Event]) -> None:
        """Events that no session of ours has sent."""
        if len(events) == 1:
            self._deliver(users, events[0])
            return
        sessions, run = self._sessions, Run(events)
        offered = 0
        for user_id in users:
            for session in sessions.get(user_id, ()):
                session.offer_run(run)
                offered += 1
        self.deliveries += offered * len(events)

    def _deliver(self, users: list[int], event: Event) -> None:
        sessions, origin = self._sessions, event.origin
        offered = 0
        for user_id in users:
            for session in sessions.get(user_id, ()):
                if session.id != origin:
                    session.offer(event)
                    offered += 1
        self.deliveries += offered

    def _act(self, kind: int, users: Any, record: list[Any]) -> None:
        if kind == Kind.TYPING:
            self._pass_on(users, typing_event(record[1], record[2], bool(record[3])))
        elif kind == Kind.PROGRESS:
            self._pass_on(users, progress_event(Record(*record)))
        elif kind == Kind.PRESENCE:
            self._tell_watchers(record[1], bool(record[2]), record[3])
        elif kind == Kind.STORED:
            self._settled(record[1], None)
        elif kind == Kind.REFUSED:
            self._settled([record[1]], refusal(record[2]))
        elif kind == Kind.REVOKED:
            self.revoke(record[1], *record[2:])
        elif kind == Kind.BLOCKED:
            self._part(record[1], record[2])
        elif kind == Kind.LAST_SEEN_HIDDEN:
            self._veil(record[1])

    def _pass_on(self, users: list[int], event: Event) -> None:
        """What is kept nowhere."""
        for user_id in users:
            for session in self.sessions_of(user_id):
                session.offer_ephemeral(event)

    def _tell_watchers(self, user_id: int, online: bool, seen_ms: int | None) -> None:
        watchers = self._watchers.get(user_id)
        if watchers:
            full, veiled = presence_event(user_id, online, seen_ms), presence_event(user_id, online, None)
            for session, shown in tuple(watchers.items()):
                session.offer_ephemeral(full if shown else veiled)

    def _veil(self, user_id: int) -> None:
        if user_id in self._watchers:
            self._watchers[user_id] = dict.fromkeys(self._watchers[user_id], False)

    def _part(self, one: int, other: int) -> None:
        """A block: neither of the two watches the other any more."""
        for watcher, watched in ((one, other), (other, one)):
            for session in self.sessions_of(watcher):
                self.unwatch(session, [watched])

    def revoke(self, auth_session: str, user_id: int = 0) -> None:
        """An auth session ended, or all of a user: none of these sessions may go on."""
        self._revoked(auth_session)
        for session in list(self):
            if session.auth_session == auth_session or session.user_id == user_id:
                session.revoke()


def refusal(reason: str) -> ParleyError:
    """Why a record was not stored, for its sender. "again": a second try will do. Else the details are in the dead
    letters."""
    if reason == "again":
        return Overloaded("The message met a conflict: send it again.", retry_after=0.1)
    log.warning("a record was set aside: %s", reason)
    return Internal("The message could not be stored and was set aside.")
