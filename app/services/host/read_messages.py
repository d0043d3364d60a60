"""Reads the messages of conversations for the host's server, including those that some members do not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from app.core.answer_size import first_fitting
from app.core.errors import Invalid, NotFound
from app.core.kinds import MESSAGES
from app.core.message_view import View
from app.core.records import HOST
from app.message_log.shards import Shards
from app.message_log.tails import Tail, read_tail
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.direct_cache import DirectCache
from app.services.reading.find_message import FoundMessage
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages
from app.store import host_messages as store
from app.store.engine import reading
from app.store.messages import StoredMessage, find_by_id


class HostReader:
    """May block. All methods raise Overloaded if a store does not answer."""

    def __init__(self, *, engine: Engine, shards: Shards, directs: DirectCache) -> None:
        self._engine = engine
        self._shards = shards
        self._directs = directs

    def find_present(self, message_id: str, conversation_id: int | None) -> FoundMessage:
        """Returns a message as ``find`` does. Raises NotFound also if it is deleted."""
        found = self.find(message_id, conversation_id)
        if "deletedAt" in found.view:
            raise NotFound
        return found

    def find(self, message_id: str, conversation_id: int | None) -> FoundMessage:
        """Raises NotFound, and Invalid if several conversations have a message of this id and none is named."""
        message_id = message_id.lower()
        if conversation_id is None:
            conversation_id = self._only_conversation(message_id)
        tail = self._tail(conversation_id)
        with reading(self._engine) as conn:
            found = self._messages(conn, conversation_id, find_by_id(conn, conversation_id, [message_id]), tail)
            found.apply(record for record in tail.records if record.id == message_id)
        view = next(iter(found.views.values()), None)
        if view is None:
            raise NotFound
        show_open_streams(self._shards, [view])
        return FoundMessage(view, tail.epoch, found.only_viewer((conversation_id, view["seq"])))

    def history(self, conversation_id: int, before: int | None, after: int | None, limit: int) -> dict[str, Any]:
        """Returns ``{messages, hasMore}``, ascending by seq. ``shadow: true``: only its sender sees the message."""
        tail = self._tail(conversation_id)
        with reading(self._engine) as conn:
            rows = store.page(conn, conversation_id, before=before, after=after, limit=limit + 1)
            found = self._messages(conn, conversation_id, rows, tail)
            newest = after is None or len(rows) <= limit
            found.apply(record for record in tail.records if newest or record.kind not in MESSAGES)
            found.add_quotations(conn)
        show_open_streams(self._shards, found.views.values())
        for place, view in found.views.items():
            if found.only_viewer(place) is not None:
                view["shadow"] = True
        views = found.between(before, after)
        shown = first_fitting(views, limit) if after is not None else first_fitting(views[::-1], limit)[::-1]
        return {"messages": shown, "hasMore": len(views) > len(shown)}

    def name_of_change(self, view: View) -> int:
        """Returns the user in whose name the host changes a message: the sender in a direct conversation, so that a
        block counts as it did for the message; nobody in a group.
        """
        sender = view["senderId"] or HOST
        return sender if self._directs.peer(view["conversationId"], sender) is not None else HOST

    def _only_conversation(self, message_id: str) -> int:
        with reading(self._engine) as conn:
            places = store.conversations_with(conn, message_id)
        if not places:
            raise NotFound
        if len(places) > 1:
            raise Invalid.field(
                "conversation", "several conversations have a message with this id; name the conversation"
            )
        return places[0]

    def _tail(self, conversation_id: int) -> Tail:
        """Call this before reading Postgres. A record that is stored in between is then seen twice, never missed."""
        with redis_errors_as_overloaded():
            return read_tail(self._shards.of(conversation_id), [conversation_id])

    def _messages(self, conn: Connection, conversation_id: int, rows: Sequence[StoredMessage], tail: Tail) -> Messages:
        self._directs.load(conn, [conversation_id])
        found = Messages(HOST, sees_all=True)
        found.load(conn, rows, tail.records, directs=self._directs)
        found.mark_stored()
        return found
