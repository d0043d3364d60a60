"""Messages as they now are: what Postgres has of them, and over it what was accepted and is not stored yet.

Invariant: a record is applied to a message only where Postgres (by the message's version) does not have it yet, so
that it does not matter whether it was stored between the two reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.core.records import Kind, PinnedBody, ReactedBody, Record, decode_as, decode_body
from app.core.times import rfc3339
from app.services.reading.message_json import accepted_message

View = dict[str, Any]
Place = tuple[int, int]  # conversation, seq

CONTENT = (
    "message",
    "attachments",
    "replyTo",
    "quoted",
    "mentions",
    "mentionsAll",
    "forwarded",
    "editedAt",
    "pinnedAt",
)
CHANGES = frozenset({Kind.EDITED, Kind.DELETED, Kind.REACTED, Kind.PINNED, Kind.MEDIA_RESOLVED})


class Messages:
    """Views of messages by place, as one user sees them."""

    def __init__(self, user_id: int) -> None:
        self._user_id = user_id
        self.views: dict[Place, View] = {}
        self.versions: dict[Place, int] = {}
        self.created: dict[Place, int] = {}
        self._stored: frozenset[Place] = frozenset()

    def put(self, view: View, version: int, created_version: int) -> None:
        """A message as Postgres has it."""
        place = view["conversationId"], view["seq"]
        self.views[place] = view
        self.versions[place] = version
        self.created[place] = created_version

    def mark_stored(self) -> None:
        """All that is there so far is in Postgres."""
        self._stored = frozenset(self.views)

    def is_stored(self, place: Place) -> bool:
        return place in self._stored

    def apply(self, tail: Iterable[Record]) -> None:
        """What is not stored yet, oldest first."""
        for record in tail:
            place = record.conversation_id, record.seq
            if record.is_message_for(self._user_id):
                if place not in self.views:
                    self.put({**accepted_message(record), "reactions": []}, record.version, record.version)
            elif record.kind == Kind.HIDDEN and record.user_id == self._user_id:
                self.views.pop(place, None)
            elif record.kind in CHANGES and record.version > self.versions.get(place, record.version):
                self.versions[place] = record.version
                self._change(place, record)

    def _change(self, place: Place, record: Record) -> None:
        view = self.views.get(place)
        if view is not None and "deletedAt" not in view:
            _APPLY[Kind(record.kind)](view, record, record.user_id == self._user_id)


def _edit(view: View, record: Record, _mine: bool) -> None:
    body = decode_body(record.body)
    view["message"] = body.message
    view["editedAt"] = rfc3339(record.sent_ms)
    for name, value in (("mentions", body.mentions), ("mentionsAll", body.mentions_all)):
        view.pop(name, None)
        if value:
            view[name] = value


def _delete(view: View, record: Record, _mine: bool) -> None:
    for name in (*CONTENT, "pinnedAt"):
        view.pop(name, None)
    view["reactions"] = []
    view["deletedAt"] = rfc3339(record.sent_ms)


def _react(view: View, record: Record, mine: bool) -> None:
    body = decode_as(ReactedBody, record.body)
    reactions = view["reactions"]
    found = next((r for r in reactions if r["emoji"] == body.emoji), None)
    if found is None:
        found = {"emoji": body.emoji, "count": 0, "mine": False}
        reactions.append(found)
    if mine and found["mine"] == body.on:
        return  # on and on again
    found["count"] += 1 if body.on else -1
    found["mine"] = body.on if mine else found["mine"]
    if found["count"] <= 0:
        reactions.remove(found)


def _pin(view: View, record: Record, _mine: bool) -> None:
    view.pop("pinnedAt", None)
    if decode_as(PinnedBody, record.body).on:
        view["pinnedAt"] = rfc3339(record.sent_ms)


def _refresh(view: View, record: Record, _mine: bool) -> None:
    view["attachments"] = decode_body(record.body).attachments


_APPLY = {
    Kind.MEDIA_RESOLVED: _refresh,
    Kind.EDITED: _edit,
    Kind.DELETED: _delete,
    Kind.REACTED: _react,
    Kind.PINNED: _pin,
}
