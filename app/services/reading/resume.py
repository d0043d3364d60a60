"""Events that a user missed: the changes of their conversations since a version, from the log's tail and Postgres.

The tail is read first. A record that is stored between the two reads is then found twice and used once. In the other
order it could be missed.

A page ends at the last version that was assigned when the tail was read (the horizon). A later version may show in
Postgres while an earlier one does not, because these are separate reads of several statements. A session that took the
later version would skip the earlier one when it arrives live.

A changed message comes once, in its present state, at the version of its last change. If it has changed beyond the
horizon, it comes at its creation or at the horizon, since the client may have missed its creation or an earlier change.
The live event then repeats the last change. The same holds for marks and settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from redis import Redis
from sqlalchemy import Connection, Engine

from app.core.cursor import encode_cursor
from app.core.events import Event, make_event, mark_event
from app.core.kinds import MARK_NAMES, MARKS, MESSAGE_CHANGES, PRIVATE, REPLAYED_EVENTS, Kind, event_of, is_message_for
from app.core.message_view import View
from app.core.record_events import media_event
from app.core.records import Record
from app.message_log.conversations import Tail, read_tail
from app.message_log.current_epoch import CurrentEpoch
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.changed_people import people_events
from app.services.reading.direct_cache import DirectCache
from app.services.reading.media_json import ended_view
from app.services.reading.message_json import message_views
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages, Place
from app.services.reading.replay_groups import changed_groups, stored_settings_view
from app.services.reading.waiting_requests import WaitingRequests
from app.store import media_uses, message_life, messages, receipts
from app.store.conversations import conversation_ids_of
from app.store.engine import reading
from app.store.media_rows import StoredMedia
from app.store.noted_changes import changed_conversations
from app.store.replay import messages_at, settings_since

PAGE = 500

_encode = msgspec.json.Encoder().encode
Events = dict[int, list[Event]]
Ended = list[StoredMedia]


class _Missed(NamedTuple):
    """``end`` is the last version that this page may contain. It is the horizon unless there are more pages."""

    messages: Messages
    events: Events
    groups: dict[int, tuple[int, View]]
    end: int
    horizon: int
    more: bool

    def message_at(self, place: Place, begin: int) -> int:
        """Returns the version at which a message comes, for a client that has everything up to ``begin``."""
        created = self.messages.created[place]
        changed = self.messages.versions[place]
        if changed <= self.horizon or created > self.horizon:
            return changed
        return created if created > begin else self.horizon

    def grown(self, begin: int) -> list[Event]:
        """Returns the open streams that do not come at a version of their own after ``begin``."""
        views = self.messages.views.items()
        growing = [view for place, view in views if "streaming" in view and self.message_at(place, begin) <= begin]
        return [make_event("message_updated", view) for view in growing]


class Replay:
    """Reads missed events for sessions that resume."""

    def __init__(
        self,
        *,
        engine: Engine,
        redis: Redis,
        directs: DirectCache,
        epoch: CurrentEpoch,
        requests: WaitingRequests,
        saw_epoch: Callable[[int], None],
    ) -> None:
        """``saw_epoch`` is called with the epoch of every tail, before its records are returned."""
        self._engine = engine
        self._redis = redis
        self._directs = directs
        self._epoch = epoch
        self._requests = requests
        self._saw_epoch = saw_epoch

    def changes_since(self, user_id: int, version: int, since: int) -> tuple[list[Event], bool]:
        """Returns one page of events after ``version`` in order, and whether there are more. May block. Raises
        Overloaded if a store does not answer.

        At the end come the open streams that began before, with their text so far. These events have no version.

        ``since`` is the version at which the whole replay began: later messages arrive, earlier ones are updated. Marks
        come in their present state, so earlier marks of the same member are left out.
        """
        missed = self._missed(user_id, version)
        show_open_streams(self._redis, missed.messages.views.values())
        events = missed.events
        epoch = self._epoch.number
        for place, view in missed.messages.views.items():
            at = missed.message_at(place, version)
            events.setdefault(at, []).append(_message_event(epoch, view, at, missed.messages.created[place] > since))
        for conversation_id, (at, view) in missed.groups.items():
            _add_group(epoch, events, conversation_id, at, view)
        versions = sorted(v for v in events if version < v <= missed.end)
        page = _in_order(epoch, version, ((v, events[v]) for v in versions))
        return page if missed.more else page + missed.grown(version), missed.more

    def news_since(self, user_id: int, version: int) -> list[Event]:
        """Returns events about people and requests that changed since then. They have no place among the others. May
        block. Raises Overloaded.
        """
        requests = self._requests.events_since(user_id, version)
        return [*people_events(user_id, version, engine=self._engine), *requests]

    def _missed(self, user_id: int, version: int) -> _Missed:
        with reading(self._engine) as connection:
            known = set(conversation_ids_of(connection, user_id))
        while True:
            with redis_errors_as_overloaded():
                tail = read_tail(self._redis, known)
            self._saw_epoch(tail.epoch)
            with reading(self._engine) as connection:
                wanted = known | tail.membership_of(user_id).keys() | set(conversation_ids_of(connection, user_id))
                if wanted <= known:
                    return self._read(connection, user_id, version, tail)
            known = wanted  # a conversation began between the two reads, and its tail was not read

    def _read(self, conn: Connection, user_id: int, version: int, tail: Tail) -> _Missed:
        records = [record for record in tail.records if _was_for(tail, user_id, record)]
        changed = _changed(conn, user_id, version, tail)
        page = messages.changed_since(conn, user_id, version, PAGE, changed)
        found = self._messages(conn, user_id, page, records, tail.streams)
        joined = tail.membership_of(user_id)
        found.add_quotations(conn, {(user_id, c): seq for c, (is_member, seq) in joined.items() if is_member})
        ended = media_uses.settled_since(conn, user_id, version, PAGE, changed)
        ends = [tail.version]
        if page.has_more:
            ends.append(page.messages[-1].version)
        if len(ended) == PAGE:
            ends.append(ended[-1].version)
        events = self._events(conn, user_id, version, changed, records, ended)
        self._add_states(conn, user_id, version, changed, tail.version, events)
        groups = changed_groups(conn, user_id, version, tail, records, changed=changed, redis=self._redis)
        return _Missed(found, events, groups, min(ends), tail.version, len(ends) > 1)

    def _events(
        self, conn: Connection, user_id: int, version: int, changed: list[int], records: list[Record], ended: Ended
    ) -> Events:
        """Returns the events of single records. Those that are in the tail and in the store come once."""
        epoch = self._epoch.number
        events = {record.version: [event_of(epoch, record)] for record in _latest(_own_events(conn, user_id, records))}
        for change in message_life.own_changes_since(conn, user_id, version, changed):
            events.setdefault(change.version, [event_of(epoch, change)])
        for medium in ended:
            events.setdefault(medium.version, [media_event(ended_view(medium), epoch, medium.version)])
        return events

    def _add_states(
        self, conn: Connection, user_id: int, version: int, changed: list[int], horizon: int, events: Events
    ) -> None:
        """Adds marks and settings. Their rows hold more than the last change, so they come even if the tail has it."""
        epoch = self._epoch.number
        for mark in receipts.receipts_changed_since(conn, user_id, version, changed):
            at = min(mark.version, horizon)
            events.setdefault(at, []).extend(_mark_events(epoch, mark, at))
        for row in settings_since(conn, user_id, version, changed):
            at, data = min(row.version, horizon), stored_settings_view(row)
            events.setdefault(at, []).append(_event(epoch, "conversation_settings", data, at))

    def _messages(
        self, conn: Connection, user_id: int, page: messages.Page, tail: list[Record], streams: Sequence[Place]
    ) -> Messages:
        self._directs.load(conn, {row.conversation_id for row in page.messages})
        there = {row.place for row in page.messages}
        new = {record.place for record in tail if is_message_for(record, user_id)}
        changed = {record.place for record in tail if record.kind in MESSAGE_CHANGES} | set(streams)
        changed -= there | new
        rows = [*page.messages, *messages_at(conn, user_id, sorted(changed))]
        found = Messages(user_id)
        found.put_rows(rows, message_views(conn, rows, user_id, directs=self._directs))
        found.apply(tail)
        return found


def _changed(conn: Connection, user_id: int, version: int, tail: Tail) -> list[int]:
    """Returns the user's conversations that changed after ``version``. A record of the tail may be stored between this
    read and the next one, so its conversation counts as changed.
    """
    waiting = {record.conversation_id for record in tail.records} | tail.membership_of(user_id).keys()
    return sorted(waiting.union(changed_conversations(conn, user_id, version)))


def _own_events(conn: Connection, user_id: int, records: list[Record]) -> list[Record]:
    """Returns the records that become events of their own, and marks. Leaves out media that the user may not see."""
    found = [record for record in records if record.kind in REPLAYED_EVENTS or record.kind in MARKS]
    asked = [record.id for record in found if record.kind == Kind.MEDIA]
    seen = media_uses.visible_to(conn, user_id, asked) if asked else {}
    return [record for record in found if record.kind != Kind.MEDIA or record.id in seen]


def _was_for(tail: Tail, user_id: int, record: Record) -> bool:
    """Returns whether the record was sent to this user: private records only to their owner, the others from the moment
    the user joined until they left.
    """
    if record.kind in PRIVATE and record.user_id != user_id:
        return False
    inside = True
    for change in tail.memberships:
        if change.conversation_id != record.conversation_id:
            continue
        if user_id in change.joined:
            inside = record.version >= change.version and (
                record.kind not in MESSAGE_CHANGES or record.seq >= change.seq
            )
        elif user_id in change.left:
            inside = inside and record.version <= change.version
    return inside


def _message_event(epoch: int, view: View, version: int, arrives: bool) -> Event:
    name, data = "receive_message" if arrives else "message_updated", view
    if "deletedAt" in view:
        name, data = "message_deleted", {name: view[name] for name in ("id", "conversationId", "seq")}
    elif arrives and not view["reactions"]:
        data = {name: value for name, value in view.items() if name != "reactions"}
    event = _event(epoch, name, data, version)
    if arrives:
        event.conversation_id, event.seq, event.sender_id = view["conversationId"], view["seq"], view["senderId"] or 0
    return event


def _add_group(epoch: int, events: Events, conversation_id: int, at: int, view: View) -> None:
    """Puts the group before the system message of its change, as in the live stream, or by itself if that message is
    not replayed.
    """
    event = _event(epoch, "conversation_updated", view, at)
    message = next((e for e in events.get(at, ()) if e.seq and e.conversation_id == conversation_id), None)
    if message is None:
        events.setdefault(at, []).insert(0, event)
    else:
        event.cursor = encode_cursor(epoch, at - 1)
        message.before = event


def _event(epoch: int, name: str, data: dict[str, Any], version: int) -> Event:
    return Event(name, _encode(data), version=version, cursor=encode_cursor(epoch, version))


def _latest(tail: Iterable[Record]) -> Iterable[Record]:
    """Returns the last mark of each member, the last receipt batch of each conversation, and all other records."""
    kept = {
        (record.kind, record.conversation_id, record.user_id if record.kind != Kind.RECEIPT_BATCH else 0)
        if record.kind in MARKS
        else record.version: record
        for record in tail
    }
    return kept.values()


def _mark_events(epoch: int, mark: receipts.StoredReceipt, at: int) -> list[Event]:
    rows = ((Kind.DELIVERED, mark.delivered_seq), (Kind.READ, mark.read_seq))
    place = epoch, mark.conversation_id, mark.user_id
    return [mark_event(MARK_NAMES[kind], *place, seq, at) for kind, seq in rows if seq]


def _in_order(epoch: int, before: int, groups: Iterable[tuple[int, list[Event]]]) -> list[Event]:
    """Returns the events of all versions in order. Within one version, all but the last event carry the cursor before
    it, so that a client that is cut off in between gets them again.
    """
    result: list[Event] = []
    for version, group in groups:
        for event in group[:-1]:
            event.cursor = encode_cursor(epoch, before)
        result += group
        before = version
    return result
