"""A talker that writes streams: one after another, piece by piece. Each command is repeated until it is answered."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.changes import Change, overdue

BEGIN = 0.3
VERBS = ("start", "append", "end")


@dataclass(slots=True)
class Streams:
    """``pending``: by ref, the one command that has no answer yet. ``begin`` returns the id and the target of a new
    message. ``note`` records for the judge the written text, and the end by the writer.
    """

    random: random.Random
    note: Callable[..., None]
    begin: Callable[[], tuple[str, dict[str, Any]]]
    pending: dict[str, Change] = field(default_factory=dict)
    _id: str | None = None
    _pieces: list[str] = field(default_factory=list)
    _text: str = ""
    _taken: int = 0  # the number of characters in the stream

    def tick(self, talking: bool) -> None:
        """Begins the next command, if none is under way."""
        if self.pending:
            return
        if self._id is None:
            if talking and self.random.random() < BEGIN:
                self._start()
        elif self._taken < len(self._text):  # an answer was a conflict
            self._append()
        elif self._pieces and talking:
            self._text += self._pieces.pop()
            self.note("wrote", id=self._id, text=self._text)
            self._append()
        else:
            self._ask("end", "end_stream", {"id": self._id, "message": self._text})

    @property
    def open(self) -> bool:
        return self._id is not None

    def due(self, after: float) -> list[tuple[str, Change]]:
        return overdue(self.pending, after)

    def _start(self) -> None:
        self._id, target = self.begin()
        self._pieces = [f"{n}漢😀 " for n in range(self.random.randint(2, 8))]
        self._text, self._taken = "", 0
        self.note("sent", id=self._id, body="")
        self.note("wrote", id=self._id, text="")
        self._ask("start", "start_stream", {"id": self._id, **target})

    def _append(self) -> None:
        self._ask("append", "append_stream", {"id": self._id, "from": self._taken, "text": self._text[self._taken :]})

    def _ask(self, verb: str, command: str, data: dict[str, Any]) -> None:
        self.pending[f"{verb} {self._id} {len(self._text)}"] = Change(command, data)

    def acked(self, ref: str, data: dict[str, Any]) -> None:
        if ref not in self.pending:
            return
        verb = ref.partition(" ")[0]
        if verb == "append":
            self._taken = len(self._text)
        elif data["status"] != "stored":
            return  # it is sent again
        elif verb == "start":
            self.note("acked", id=data["id"], conversationId=data["conversationId"], seq=data["seq"])
        else:
            self._over("finished")
        self.pending.pop(ref, None)

    def refused(self, ref: str, error: dict[str, Any]) -> bool:
        """Returns whether the writer knows how to go on after this error."""
        if ref not in self.pending:
            return True
        if error["code"] == "conflict" and 0 <= error.get("length", -1) < len(self._text):
            self._taken = error["length"]
        elif error["code"] == "stopped":
            self._over("stopped")
        else:
            return False
        self.pending.pop(ref, None)
        return True

    def _over(self, how: str) -> None:
        self.note(how, id=self._id)
        self._id = None
