"""The streams that a talker wrote and the media that it shared. The judge compares them with the store at the end.

Pure, as history.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stored import Stored


@dataclass(slots=True)
class Written:
    """``texts``: by stream, everything that its writer appended or tried to append. ``finished``: the end with the
    whole text was acked. ``shared``: message id -> the medium that it names.
    """

    texts: dict[str, str] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    shared: dict[str, str] = field(default_factory=dict)

    def add(self, record: dict[str, Any]) -> bool:
        """Returns whether the record is about a stream or a medium of this talker."""
        what = record["what"]
        if what == "wrote":
            self.texts[record["id"]] = record["text"]
        elif what == "finished":
            self.finished.add(record["id"])
        elif what == "shared":
            self.shared[record["id"]] = record["mediaId"]
        return what in ("wrote", "finished", "shared", "stopped")


def written_violations(user_id: int, written: Written, stored: Stored) -> Iterator[str]:
    bodies = {row.id: row.body for row in stored.rows}
    for id_, text in written.texts.items():
        if id_ not in bodies:
            continue  # never acked, or history.py reports it
        if id_ in stored.streaming:
            yield f"I4 the stream {id_} of user {user_id} still grows"
        elif id_ in written.finished and bodies[id_] != text:
            yield f"I1 the stream {id_} of user {user_id} ended with {text!r}, stored is {bodies[id_]!r}"
        elif not text.startswith(bodies[id_]):
            yield f"I6 the stream {id_} of user {user_id} holds {bodies[id_]!r}, which is no part of {text!r}"
    for id_, media_id in written.shared.items():
        if id_ not in bodies:
            continue
        if media_id not in stored.files.get(id_, ()):
            yield f"I1 message {id_} of user {user_id} is stored without its medium {media_id}"
        elif stored.media.get(media_id) != "ready":
            yield f"I4 the medium {media_id} of user {user_id} is {stored.media.get(media_id)}"
