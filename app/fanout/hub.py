"""The hub: holds the sessions of this process by user, and delivers the records of the bus to them.

Everything here runs in one event loop and never blocks: a dispatch is a loop over memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from app.core.errors import Internal, Overloaded, ParleyError
from app.core.events import (
    Event,
    EventBatch,
    append_event,
    custom_event,
    request_event,
    typing_event,
    user_event,
)
from app.core.kinds import MAKE_EVENT, MARKS, Kind
from app.core.metadata import with_metadata
from app.core.position import Position
from app.core.record_events import group_event, progress
from app.core.records import Record
from app.fanout.hub_session import Moved, Session
from app.fanout.rosters import Rosters, Users
from app.fanout.watchers import State, Watchers

# From this many users on, an event is offered to their sessions together.
MANY = 8

Settled = Callable[[Iterable[int], ParleyError | None], None]
OfferToMany = Callable[[list[Session], Event], None]

log = logging.getLogger(__name__)


def _offer_one_by_one(sessions: list[Session], event: Event) -> None:
    for session in sessions:
        session.offer(event)


class Hub:
    """Local sessions by user.

    ``settled`` is called with the versions that the drain stored or rejected. A record of an unknown kind (from a newer
    release on the same Redis) is counted in ``unknown_kinds``, and logged once per kind.
    """

    def __init__(
        self,
        settled: Settled,
        *,
        revoked: Callable[[str], None],
        shadowed: Callable[[int, int], None] = lambda _user_id, _end: None,
    ) -> None:
        self._sessions: dict[int, tuple[Session, ...]] = {}
        self._settled = settled
        self._revoked = revoked
        self._shadowed = shadowed
        self.epoch = 0
        self.rosters = Rosters()
        self.watchers = Watchers()
        self.events_delivered = 0
        self.offer_to_many: OfferToMany = _offer_one_by_one  # replaced by the transports
        self.unknown_kinds: Counter[int] = Counter()
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
        """Returns True if this was the user's last session here."""
        kept = tuple(s for s in self._sessions.get(session.user_id, ()) if s is not session)
        if len(kept) == len(self._sessions.get(session.user_id, ())):
            return False
        self.by_transport[session.transport] -= 1
        if kept:
            self._sessions[session.user_id] = kept
            return False
        del self._sessions[session.user_id]
        return True

    def dispatch(self, epoch: int, items: list[Any]) -> None:
        """Delivers one publication of the bus: ``[[users, record], ...]`` in stream order."""
        marks: list[Event] = []  # consecutive marks for the same users
        mark_users: Users = []
        for users, record in items:
            kind = record[0]
            make_event = MAKE_EVENT.get(kind)
            if kind in MARKS and make_event is not None:
                if marks and users != mark_users:
                    self._deliver_batch(mark_users, marks)
                    marks = []
                marks.append(make_event(epoch, Record(*record)))
                mark_users = users
                continue
            if marks:
                self._deliver_batch(mark_users, marks)
                marks = []
            if make_event is not None:
                self._deliver(users, make_event(epoch, Record(*record)))
            else:
                _HANDLERS.get(kind, Hub._unknown)(self, epoch, users, record)
        if marks:
            self._deliver_batch(mark_users, marks)

    def _among(self, users: Users) -> Iterable[int]:
        """Returns the users of a large conversation who are here. While that is not known, sessions read the store."""
        found = self.rosters.among(users)
        if found is None:
            self._resume(self)
            return ()
        return found

    @staticmethod
    def _resume(sessions: Iterable[Session]) -> None:
        for session in sessions:
            session.resume_from_store()

    def _deliver_batch(self, users: Users, events: list[Event]) -> None:
        """Delivers events that no session of this process has sent."""
        if len(events) == 1:
            self._deliver(users, events[0])
            return
        if users.__class__ is not list:
            users = self._among(users)
        sessions, batch = self._sessions, EventBatch(events)
        offered = 0
        for user_id in users:
            for session in sessions.get(user_id, ()):
                session.offer_batch(batch)
                offered += 1
        self.events_delivered += offered * len(events)

    def _deliver(self, users: Users, event: Event) -> None:
        if users.__class__ is not list:
            users = self._among(users)
        if len(users) >= MANY:
            self._deliver_to_many(users, event)
            return
        sessions, origin = self._sessions, event.origin
        offered = 0
        for user_id in users:
            for session in sessions.get(user_id, ()):
                if session.id != origin:
                    session.offer(event)
                    offered += 1
        self.events_delivered += offered

    def _deliver_to_many(self, users: Iterable[int], event: Event) -> None:
        sessions = list(chain.from_iterable(filter(None, map(self._sessions.get, users))))
        if event.origin:
            sessions = self._without_origin(sessions, event)
        self.offer_to_many(sessions, event)
        self.events_delivered += len(sessions)

    def _without_origin(self, sessions: list[Session], event: Event) -> list[Session]:
        """Compares objects, because reading each session's id would load its memory into the cache once more."""
        own = self.sessions_of(event.sender_id) if event.sender_id else sessions
        origin = next((session for session in own if session.id == event.origin), None)
        return sessions if origin is None else [session for session in sessions if session is not origin]

    def _unknown(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        kind = record[0]
        if kind not in self.unknown_kinds:
            log.error("dropped a record of the unknown kind %s; more of this kind are only counted", kind)
        self.unknown_kinds[kind] += 1

    def _group_changed(self, epoch: int, users: Users, record: list[Any]) -> None:
        self._deliver(users, group_event(epoch, Record(*record[:-1]), record[-1]))

    def _typing(self, _epoch: int, users: Users, record: list[Any]) -> None:
        self._offer_ephemeral(users, typing_event(record[1], record[2], bool(record[3])))

    def _custom(self, _epoch: int, users: Users, record: list[Any]) -> None:
        self._offer_ephemeral(users, custom_event(*record[1:]))

    def _appended(self, _epoch: int, users: Users, record: list[Any]) -> None:
        self._deliver(users, append_event(*record[1:]))

    def _progress(self, epoch: int, users: Users, record: list[Any]) -> None:
        self._offer_ephemeral(users, progress(epoch, Record(*record)))

    def _offer_ephemeral(self, users: Users, event: Event) -> None:
        if users.__class__ is not list:
            users = self.rosters.among(users) or ()
        for user_id in users:
            for session in self.sessions_of(user_id):
                session.offer_ephemeral(event)

    def _presence(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        _, user_id, online, seen_ms = record
        self.watchers.show(user_id, State(bool(online), seen_ms))

    def _user_updated(self, _epoch: int, users: Users, record: list[Any]) -> None:
        """``record`` is [kind, user, view, watchers]: true for watchers who see the user's presence, false for the
        others, nil for none.
        """
        _, user_id, view, seeing = record
        sessions = {session: None for user in users for session in self.sessions_of(user)}
        if seeing is not None:
            sessions |= dict.fromkeys(self.watchers.of(user_id, may_see=seeing))
        event = user_event(with_metadata(view))
        for session in sessions:
            session.offer_ephemeral(event)

    def _requested(self, _epoch: int, users: Users, record: list[Any]) -> None:
        self._offer_ephemeral(users, request_event(record[1]))

    def _stored(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        self._settled(record[1], None)

    def _refused(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        self._settled([record[1]], refusal(record[2]))

    def _last_seen_hidden(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        self.watchers.hide(record[1])

    def _blocked(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        """After a block, neither of the two watches the other."""
        _, one, other = record
        for watcher, watched in ((one, other), (other, one)):
            for session in self.sessions_of(watcher):
                self.watchers.unwatch(session, [watched])

    def _forgotten(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        """Another gateway took this one for dead, or Redis lost its users. This process missed the
        events that were published until now, so the users' sessions read them from the store before later events.
        """
        for user_id in record[1]:
            self._resume(self.sessions_of(user_id))

    def _milestone(self, epoch: int, users: Any, record: list[Any]) -> None:
        """The shard has published everything up to this version to these users, and the sessions were offered it."""
        position, moved = Position(epoch, record[1]), Moved()
        for user_id in users:
            for session in self.sessions_of(user_id):
                session.pass_milestone(position, moved)

    def _roster(self, epoch: int, users: Any, record: list[Any]) -> None:
        self.rosters.take(epoch, users, record)

    def _shadowed_record(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        self._shadowed(record[1], record[2])

    def _revoke_record(self, _epoch: int, _users: Any, record: list[Any]) -> None:
        self.revoke(record[1], *record[2:])

    def revoke(self, auth_session: str, user_id: int = 0) -> None:
        """Ends the sessions of an auth session that ended, or of a user whose auth sessions all ended."""
        self._revoked(auth_session)
        for session in list(self):
            if session.auth_session == auth_session or session.user_id == user_id:
                session.revoke()


# Kinds that need more than their record to become an event, and notices for the gateway.
_HANDLERS: dict[int, Callable[[Hub, int, Any, list[Any]], None]] = {
    Kind.GROUP_CHANGED: Hub._group_changed,
    Kind.TYPING: Hub._typing,
    Kind.CUSTOM: Hub._custom,
    Kind.APPENDED: Hub._appended,
    Kind.PROGRESS: Hub._progress,
    Kind.PRESENCE: Hub._presence,
    Kind.USER_UPDATED: Hub._user_updated,
    Kind.REQUESTED: Hub._requested,
    Kind.STORED: Hub._stored,
    Kind.REFUSED: Hub._refused,
    Kind.REVOKED: Hub._revoke_record,
    Kind.BLOCKED: Hub._blocked,
    Kind.LAST_SEEN_HIDDEN: Hub._last_seen_hidden,
    Kind.FORGOTTEN: Hub._forgotten,
    Kind.SHADOWED: Hub._shadowed_record,
    Kind.MILESTONE: Hub._milestone,
    **dict.fromkeys((Kind.ROSTER, Kind.ROSTER_LEFT, Kind.ROSTERS_OF, Kind.ROSTERS), Hub._roster),
}


def refusal(reason: str) -> ParleyError:
    """Returns the sender's error for a record that was not stored. If the reason is "again", a second try works. Any
    other reason is kept with the record in dead_letters.
    """
    if reason == "again":
        return Overloaded("The message could not be stored because of a conflict: send it again.", retry_after=0.1)
    log.warning("a record was moved to dead_letters: %s", reason)
    return Internal("The message could not be stored.")
