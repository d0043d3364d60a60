"""The texts, reactions and marks that a client shows. The judge compares them with the store at the end.

Pure, as history.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stored import Stored


@dataclass(slots=True)
class Screen:
    """``marks``: (conversation, user) -> [delivered, read] of others. ``reactions``: message id -> emojis. ``files``:
    message id -> states of its media. They lack everything that was not fetched since a resync. ``own_…``: changes that
    were acked to this client.
    """

    texts: dict[str, str] = field(default_factory=dict)
    reactions: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    marks: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    own_edits: dict[str, str] = field(default_factory=dict)
    own_reactions: dict[str, tuple[str, bool]] = field(default_factory=dict)
    own_reads: dict[int, int] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)

    def add(self, record: dict[str, Any]) -> None:
        getattr(self, f"_{record['what']}")(record)

    def forget(self) -> None:
        """After a resync the client fetches its messages. Everything else comes only with later events."""
        for shown in (self.texts, self.reactions, self.files, self.marks, self.left):
            shown.clear()

    def _message(self, record: dict[str, Any]) -> None:
        self._updated(record)
        if record["id"] not in self.reactions:
            self.reactions[record["id"]] = set()

    _received = _fetched = _message

    def _updated(self, record: dict[str, Any]) -> None:
        text = record.get("body") or ""
        is_older_than_appends = record.get("streaming") and len(text) < len(self.texts.get(record["id"], ""))
        if "body" in record and not is_older_than_appends:
            self.texts[record["id"]] = text
        if "files" in record:
            self.files[record["id"]] = record["files"]
        if record.get("reactions") is not None:
            self.reactions[record["id"]] = set(record["reactions"])

    def _appended(self, record: dict[str, Any]) -> None:
        """A gap is left to the next text that is read; at the latest, the end of the stream brings all of it."""
        shown, start = self.texts.get(record["id"]), record["from"]
        if shown is not None and start <= len(shown) < start + len(record["text"]):
            self.texts[record["id"]] = shown[:start] + record["text"]

    def _reaction(self, record: dict[str, Any]) -> None:
        shown = self.reactions.get(record["id"])
        if shown is not None:
            shown.add(record["emoji"]) if record["on"] else shown.discard(record["emoji"])

    def _mark(self, record: dict[str, Any]) -> None:
        marks = self.marks.setdefault((record["conversationId"], record["userId"]), [0, 0])
        marks[0] = max(marks[0], record["seq"])
        if record["mark"] == "message_read":
            marks[1] = max(marks[1], record["seq"])

    def _edit_acked(self, record: dict[str, Any]) -> None:
        self.own_edits[record["id"]] = record["body"]

    def _reaction_acked(self, record: dict[str, Any]) -> None:
        self.own_reactions[record["id"]] = (record["emoji"], record["on"])
        self._reaction(record)

    def _read_acked(self, record: dict[str, Any]) -> None:
        conversation = record["conversationId"]
        self.own_reads[conversation] = max(record["seq"], self.own_reads.get(conversation, 0))

    def _left(self, record: dict[str, Any]) -> None:
        self.left.add(record["conversationId"])

    def _ignored(self, _record: dict[str, Any]) -> None:
        """Recorded only for human readers."""

    _closed = _refused = _ignored


def screen_violations(
    user_id: int, screen: Screen, view: Mapping[str, tuple[int, int]], stored: Stored
) -> Iterator[str]:
    """Returns one sentence per difference between this client's screen, or its acks, and the store."""
    bodies = {row.id: row.body for row in stored.rows}
    yield from _own(user_id, screen, stored, bodies)
    for id_, (conversation, _) in view.items():
        if id_ not in bodies or conversation in screen.left:
            continue  # history.py judges messages that are not stored; a former member sees no later changes
        if id_ in screen.texts and screen.texts[id_] != bodies[id_]:
            yield f"I4 user {user_id} shows {id_} as {screen.texts[id_]!r}, stored as {bodies[id_]!r}"
        shown, kept = screen.reactions.get(id_), stored.reactions.get(id_, frozenset())
        if shown is not None and shown != kept:
            yield f"I4 user {user_id} shows the reactions {sorted(shown)} to {id_}, stored are {sorted(kept)}"
        for media_id, state in screen.files.get(id_, {}).items():
            if state != stored.media.get(media_id, state):
                yield f"I4 user {user_id} shows the medium {media_id} of {id_} as {state}"
    for (conversation, other), marks in screen.marks.items():
        kept_marks = stored.marks.get((conversation, other))
        if conversation not in screen.left and (conversation, other) not in stored.left and tuple(marks) != kept_marks:
            yield f"I4 user {user_id} shows the marks {marks} of {other} in {conversation}, stored are {kept_marks}"


def _own(user_id: int, screen: Screen, stored: Stored, bodies: Mapping[str, str]) -> Iterator[str]:
    """Changes that were acked to this client must be stored."""
    for id_, body in screen.own_edits.items():
        if bodies.get(id_) != body:
            yield f"I1 user {user_id}: the edit of {id_} was acked, but stored is {bodies.get(id_)!r}"
    for id_, (emoji, on) in screen.own_reactions.items():
        if (emoji in stored.reactions.get(id_, frozenset())) != on:
            yield f"I1 user {user_id}: {emoji} {'on' if on else 'off'} {id_} was acked and is not stored"
    for conversation, seq in screen.own_reads.items():
        if stored.marks.get((conversation, user_id), (0, 0))[1] < seq:
            yield f"I1 user {user_id}: the read mark {seq} of {conversation} was acked and is not stored"
