"""Records the events of a talker for the judge: messages, changes, texts of streams, and marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.clients.base import Event

Data = dict[str, Any]


class Notes:
    """``note`` writes one record. Events that the judge does not need are left out."""

    def __init__(self, user_id: int, note: Callable[..., None]) -> None:
        self._user_id = user_id
        self._note = note

    def event(self, event: Event) -> None:
        if event.name == "message_updated":
            self.message("updated", event.data)
        elif event.name == "message_append":
            self._copy("appended", event.data, "id", "conversationId", "from", "text")
        elif event.name == "reaction":
            self._copy("reaction", event.data, "id", "conversationId", "userId", "emoji", "on")
        elif event.name in ("message_delivered", "message_read") and event.data["userId"] != self._user_id:
            self._copy("mark", event.data, "conversationId", "userId", "seq", mark=event.name)

    def message(self, what: str, data: Data) -> None:
        more: Data = {"body": data.get("message")}
        if "reactions" in data:
            more["reactions"] = [reaction["emoji"] for reaction in data["reactions"]]
        if data.get("attachments"):
            more["files"] = {one["mediaId"]: one["status"] for one in data["attachments"]}
        if data.get("streaming"):
            more["streaming"] = True
        self._copy(what, data, "id", "conversationId", "seq", "senderId", **more)

    def _copy(self, what: str, data: Data, *names: str, **more: Any) -> None:
        self._note(what, **{name: data[name] for name in names}, **more)
