"""Changes of a talker: reactions, edits of its own messages, and read marks. Each is repeated until it is acked. A
talker has its own emoji, so the judge can see whose reaction is shown. It reacts at most once to a message, takes the
reaction back only after the ack and if it was sent once, and edits a message at most once. So the order of repeated
changes does not matter: a repeated change may come over another connection, and be carried out after a change that was
sent later.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stored import EDITED

EMOJIS = [chr(0x1F600 + n) for n in range(64)]  # more than any crowd has talkers
REACT, TAKE_BACK, EDIT, READ = 0.1, 0.3, 0.1, 0.1

Note = Callable[..., None]


@dataclass(slots=True)
class Change:
    command: str
    data: dict[str, Any]
    sent_at: float = 0.0
    sends: int = 0


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
        return overdue(self.pending, after)

    def acked(self, ref: str, answer: dict[str, Any]) -> None:
        if answer["status"] != "stored" or ref not in self.pending:
            return
        change = self.pending.pop(ref)
        data = change.data
        verb, _, id_ = ref.partition(" ")
        if verb == "read":
            self.note("read_acked", **data)
        elif verb == "edit":
            self.note("edit_acked", id=id_, conversationId=data["conversationId"], body=data["message"])
        else:
            self.note("reaction_acked", **data)
            if data["on"] and change.sends == 1 and self.random.random() < TAKE_BACK:
                self._begin(f"unreact {id_}", "react", {**data, "on": False})

    def refused(self, ref: str, error: dict[str, Any]) -> bool:
        """Drops a change of a message that was lost before it was stored, or of a group that the talker has left.
        Returns whether this explains the error.
        """
        if error["code"] != "not_found":
            return False
        self.pending.pop(ref, None)  # absent if this answers a repeated command
        return True


def overdue(pending: dict[str, Change], after: float) -> list[tuple[str, Change]]:
    """Returns the changes that were never sent, or not within the last ``after`` seconds, and counts them as sent."""
    now = time.monotonic()
    found = [(ref, change) for ref, change in pending.items() if now - change.sent_at > after]
    for _, change in found:
        change.sent_at, change.sends = now, change.sends + 1
    return found
