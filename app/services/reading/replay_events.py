"""Turns the missed changes of a user into events, in the order of versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from app.core.cursor import encode_cursor
from app.core.events import Event, make_event, mark_event
from app.core.kinds import MARK_NAMES, Kind
from app.core.message_view import View
from app.services.reading.pending_changes import Messages, Place
from app.services.reading.replay_groups import stored_settings_view
from app.store.receipts import StoredReceipt
from app.store.replay import StoredSettings

_encode = msgspec.json.Encoder().encode
Events = dict[int, list[Event]]


class Missed(NamedTuple):
    """One page. ``end`` is the last version that it may contain: the horizon, unless there are more pages. ``streams``
    were open at the horizon.
    """

    messages: Messages
    events: Events
    groups: dict[int, tuple[int, View]]
    end: int
    horizon: int
    more: bool
    streams: frozenset[Place] = frozenset()

    def message_at(self, place: Place, begin: int) -> int:
        """Returns the version at which a message comes, for a client that has everything up to ``begin``."""
        created = self.messages.created[place]
        changed = self.messages.versions[place]
        if changed <= self.horizon or created > self.horizon:
            return changed
        return created if created > begin else self.horizon

    def grown(self, begin: int) -> list[Event]:
        """Returns the open streams that do not come at a version of their own after ``begin``. Includes streams that
        ended after the horizon: texts that were added before the end arrive before the event of the end, and the client
        must have all earlier text.
        """
        grown = [
            view
            for place, view in self.messages.views.items()
            if ("streaming" in view or place in self.streams) and self.message_at(place, begin) <= begin
        ]
        return [make_event("message_updated", view) for view in grown if "deletedAt" not in view]

    def is_empty(self) -> bool:
        """Returns whether a page without a tail has no events."""
        versions = [*self.events, *(at for at, _ in self.groups.values())]
        return not self.messages.views and all(version > self.end for version in versions)

    def page(self, epoch: int, begin: int, since: int) -> list[Event]:
        """Returns the events after ``begin``. Messages that were created up to ``since`` come as updates."""
        events = self.events
        for place, view in self.messages.views.items():
            at = self.message_at(place, begin)
            events.setdefault(at, []).append(_message_event(epoch, view, at, self.messages.created[place] > since))
        for conversation_id, (at, view) in self.groups.items():
            _add_group(epoch, events, conversation_id, at, view)
        versions = sorted(v for v in events if begin < v <= self.end)
        page = _in_order(epoch, begin, ((v, events[v]) for v in versions))
        return page if self.more else page + self.grown(begin)


def add_marks(epoch: int, events: Events, marks: Iterable[StoredReceipt], horizon: int) -> None:
    """Adds the marks at their versions, or at the horizon if they have moved beyond it."""
    for mark in marks:
        at = min(mark.version, horizon)
        events.setdefault(at, []).extend(_mark_events(epoch, mark, at))


def add_settings(epoch: int, events: Events, settings: Iterable[StoredSettings], horizon: int) -> None:
    """Adds a member's own settings in the same way."""
    for row in settings:
        at, data = min(row.version, horizon), stored_settings_view(row)
        events.setdefault(at, []).append(_event(epoch, "conversation_settings", data, at))


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


def _mark_events(epoch: int, mark: StoredReceipt, at: int) -> list[Event]:
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
