"""What a user missed: the changes of their conversations since a version, from the unstored tail and from Postgres.

The tail is read first. A record that is stored between the two reads is then found twice and taken once; read the
other way round it could be missed.

What is given here ends at the last version that was given out when the tail was read (the horizon). A later one may
show in Postgres while an earlier one does not (they are two reads, and more than one statement), and a session that
took the later would pass over the earlier when it comes live.

A message that changed comes once, as it now is, in the place of its last change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from app.core.cursor import encode_cursor
from app.core.events import Event, mark_event
from app.core.kinds import MARKS, MESSAGE_CHANGES, PRIVATE, REPLAYED_EVENTS, event_of, is_message_for
from app.core.message_view import View
from app.core.record_events import media_event
from app.core.records import Kind, Record
from app.message_log.conversations import Tail, read_tail
from app.redis_calls import asking
from app.services.messaging.message_path import MessagePath
from app.services.reading.media_json import ended_view
from app.services.reading.message_json import message_views
from app.services.reading.pending_changes import Messages, Place
from app.services.reading.replay_groups import changed_groups, stored_settings_view
from app.store import media_uses, messages, receipts
from app.store.conversations import conversation_ids_of
from app.store.engine import reading
from app.store.replay import messages_at, settings_since

PAGE = 500

_encode = msgspec.json.Encoder().encode
Events = dict[int, list[Event]]


class _Missed(NamedTuple):
    """``end``: the last version that this page may tell of."""

    messages: Messages
    events: Events
    groups: dict[int, tuple[int, View]]
    end: int
    more: bool


def changes_since(path: MessagePath, user_id: int, version: int, since: int) -> tuple[list[Event], bool]:
    """One page of events after ``version``, in order, and whether there is more. May block.

    ``since`` is where the whole replay began: messages made after it arrive, older ones are updated. Raise Overloaded
    where a store does not answer. Marks come as their present state, so a member's earlier marks are not replayed one
    by one.
    """
    missed = _missed(path, user_id, version)
    events = missed.events
    for place, view in missed.messages.views.items():
        at = missed.messages.versions[place]
        events.setdefault(at, []).append(_message_event(path, view, at, missed.messages.created[place] > since))
    for conversation_id, (at, view) in missed.groups.items():
        _add_group(path, events, conversation_id, at, view)
    versions = sorted(v for v in events if version < v <= missed.end)
    return _in_order(path.epoch.number, version, ((v, events[v]) for v in versions)), missed.more


def _missed(path: MessagePath, user_id: int, version: int) -> _Missed:
    with reading(path.engine) as connection:
        known = set(conversation_ids_of(connection, user_id))
    while True:
        tail = asking(lambda known=known: read_tail(path.redis, known))  # type: ignore[misc]
        with reading(path.engine) as connection:
            wanted = known | tail.membership_of(user_id).keys() | set(conversation_ids_of(connection, user_id))
            if wanted <= known:
                return _read(path, connection, user_id, version, tail)
        known = wanted  # a conversation that began in between: its tail was not looked at


def _read(path: MessagePath, conn: Connection, user_id: int, version: int, tail: Tail) -> _Missed:
    records = [record for record in tail.records if _was_for(tail, user_id, record)]
    page = messages.changed_since(conn, user_id, version, PAGE)
    found = _messages(path, conn, user_id, page, records)
    events: Events = {}
    for mark in receipts.receipts_changed_since(conn, user_id, version):
        events[mark.version] = _mark_events(path.epoch.number, mark)
    for conversation_id, seq, message_id, at in messages.hidden_since(conn, user_id, version):
        data = {"id": message_id, "conversationId": conversation_id, "seq": seq}
        events.setdefault(at, []).append(_event(path, "message_deleted", data, at))
    for row in settings_since(conn, user_id, version):
        data = stored_settings_view(row)
        events.setdefault(row.version, []).append(_event(path, "conversation_settings", data, row.version))
    ended = media_uses.settled_since(conn, user_id, version, PAGE)
    for medium in ended:
        event = media_event(ended_view(medium), path.epoch.number, medium.version)
        events.setdefault(medium.version, []).append(event)
    for record in _latest(_seen_of_media(conn, user_id, records)):
        events[record.version] = [event_of(path.epoch.number, record)]
    groups = changed_groups(path, conn, user_id, version, tail, records)
    ends = [tail.version]
    if page.has_more:
        ends.append(page.messages[-1].version)
    if len(ended) == PAGE:
        ends.append(ended[-1].version)
    return _Missed(found, events, groups, min(ends), len(ends) > 1)


def _seen_of_media(conn: Connection, user_id: int, records: list[Record]) -> list[Record]:
    """Those that are events of their own, or marks; of media those that the user may see."""
    found = [record for record in records if record.kind in REPLAYED_EVENTS or record.kind in MARKS]
    asked = [record.id for record in found if record.kind == Kind.MEDIA]
    seen = media_uses.visible_to(conn, user_id, asked) if asked else {}
    return [record for record in found if record.kind != Kind.MEDIA or record.id in seen]


def _was_for(tail: Tail, user_id: int, record: Record) -> bool:
    """Whether this user was told of it: for no other's eyes alone, since they came and until they went."""
    if record.kind in PRIVATE and record.user_id != user_id:
        return False
    inside = True
    for change in tail.memberships:
        if change.conversation_id != record.conversation_id:
            continue
        if user_id in change.came:
            inside = record.version >= change.version and (
                record.kind not in MESSAGE_CHANGES or record.seq >= change.seq
            )
        elif user_id in change.went:
            inside = inside and record.version <= change.version
    return inside


def _messages(path: MessagePath, conn: Connection, user_id: int, page: messages.Page, tail: list[Record]) -> Messages:
    path.learn_directs(conn, {row.conversation_id for row in page.messages})
    there = {(row.conversation_id, row.seq) for row in page.messages}
    new = {_place(record) for record in tail if is_message_for(record, user_id)}
    changed = {_place(record) for record in tail if record.kind in MESSAGE_CHANGES} - there - new
    rows = [*page.messages, *messages_at(conn, user_id, sorted(changed))]
    found = Messages(user_id)
    for row, view in zip(rows, message_views(path, conn, rows, user_id), strict=True):
        found.put(view, row.version, row.created_version)
    found.apply(tail)
    return found


def _place(record: Record) -> Place:
    return record.conversation_id, record.seq


def _message_event(path: MessagePath, view: View, version: int, arrives: bool) -> Event:
    name, data = "receive_message" if arrives else "message_updated", view
    if "deletedAt" in view:
        name, data = "message_deleted", {name: view[name] for name in ("id", "conversationId", "seq")}
    elif arrives and not view["reactions"]:
        data = {name: value for name, value in view.items() if name != "reactions"}
    event = _event(path, name, data, version)
    if arrives:
        event.conversation_id, event.seq, event.sender_id = view["conversationId"], view["seq"], view["senderId"]
    return event


def _add_group(path: MessagePath, events: Events, conversation_id: int, at: int, view: View) -> None:
    """Before the system message that tells of the change, as it came live; alone where that is not replayed."""
    event = _event(path, "conversation_updated", view, at)
    message = next((e for e in events.get(at, ()) if e.seq and e.conversation_id == conversation_id), None)
    if message is None:
        events.setdefault(at, []).insert(0, event)
    else:
        event.cursor = encode_cursor(path.epoch.number, at - 1)
        message.before = event


def _event(path: MessagePath, name: str, data: dict[str, Any], version: int) -> Event:
    return Event(name, _encode(data), version=version, cursor=encode_cursor(path.epoch.number, version))


def _latest(tail: Iterable[Record]) -> Iterable[Record]:
    """Of each member's marks the last, and of a conversation's gathered ones; all others."""
    kept = {
        (record.kind, record.conversation_id, record.user_id if record.kind != Kind.RECEIPT_BATCH else 0)
        if record.kind in MARKS
        else record.version: record
        for record in tail
    }
    return kept.values()


def _mark_events(epoch: int, mark: receipts.StoredReceipt) -> list[Event]:
    rows = ((Kind.DELIVERED, mark.delivered_seq), (Kind.READ, mark.read_seq))
    return [mark_event(epoch, kind, mark.conversation_id, mark.user_id, seq, mark.version) for kind, seq in rows if seq]


def _in_order(epoch: int, before: int, groups: Iterable[tuple[int, list[Event]]]) -> list[Event]:
    """Events of one version stand together; all but the last carry the position before them, so that whoever is cut off
    in between gets them again."""
    result: list[Event] = []
    for version, group in groups:
        for event in group[:-1]:
            event.cursor = encode_cursor(epoch, before)
        result += group
        before = version
    return result
