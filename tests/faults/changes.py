"""Changes of a talker: reactions, edits of its own messages, and read marks. Each is repeated until it is acked.

A talker has an emoji of its own, reacts at most once to a message, takes it back only after the ack, and edits a
message at most once. So the order of repeated changes does not matter, and the judge can tell whose reaction is shown.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stored import EDITED

EMOJIS = "😀😂😍😎😡😭🙏🔥"
REACT, TAKE_BACK, EDIT, READ = 0.1, 0.3, 0.1, 0.1

Note = Callable[..., None]


@dataclass(slots=True)
class Change:
    command: str
    data: dict[str, Any]
    sent_at: float = 0.0


@dataclass(slots=True)
class Changes:
    """``pending``: by ref, the changes without an ack."""

    emoji: str
    random: random.Random
    note: Note
    reads: bool
    pending: dict[str, Change] = field(default_factory=dict)

    def received(self, data: dict[str, Any]) -> None:
        where = {"conversationId": data["conversationId"]}
        if self.reads and self.random.random() < READ:
            self._begin(f"read {data['id']}", "message_read", {**where, "seq": data["seq"]})
        if self.random.random() < REACT:
            self._begin(f"react {data['id']}", "react", {**where, "id": data["id"], "emoji": self.emoji, "on": True})

    def sent(self, id_: str, conversation_id: int, body: str) -> None:
        if self.random.random() < EDIT:
            data = {"id": id_, "conversationId": conversation_id, "message": body + EDITED}
            self._begin(f"edit {id_}", "edit_message", data)

    def _begin(self, ref: str, command: str, data: dict[str, Any]) -> None:
        self.pending.setdefault(ref, Change(command, data))

    def due(self, after: float) -> list[tuple[str, Change]]:
        """Returns those that were never sent, or not within the last ``after`` seconds, and counts them as sent."""
        now = time.monotonic()
        found = [(ref, change) for ref, change in self.pending.items() if now - change.sent_at > after]
        for _, change in found:
            change.sent_at = now
        return found

    def acked(self, ref: str, status: str) -> None:
        if status != "stored" or ref not in self.pending:
            return
        data = self.pending.pop(ref).data
        verb, _, id_ = ref.partition(" ")
        if verb == "read":
            self.note("read_acked", **data)
        elif verb == "edit":
            self.note("edit_acked", id=id_, conversationId=data["conversationId"], body=data["message"])
        else:
            self.note("reaction_acked", **data)
            if data["on"] and self.random.random() < TAKE_BACK:
                self._begin(f"unreact {id_}", "react", {**data, "on": False})

    def refused(self, ref: str) -> bool:
        """The message was lost before it was stored, or the talker has left. Returns whether the ref is a change."""
        return self.pending.pop(ref, None) is not None
