"""Finds the message that a command names by its id, as the user sees it now."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from app.core.errors import Invalid, NotFound
from app.core.kinds import Kind
from app.core.message_view import View
from app.core.records import Record
from app.message_log.shards import Shards
from app.services.reading.direct_cache import DirectCache
from app.services.reading.memberships import Memberships, memberships_now
from app.services.reading.open_streams import show_open_streams
from app.services.reading.pending_changes import Messages
from app.store import message_life
from app.store.engine import reading


class FoundMessage(NamedTuple):
    """``epoch``: the epoch in which the message was read; 0 if Redis had none. ``only``: the only user who sees the
    message, or None.
    """

    view: View
    epoch: int
    only: int | None = None


class MessageFinder:
    """May block. Its methods raise Overloaded if a store does not answer."""

    def __init__(self, *, engine: Engine, shards: Shards, directs: DirectCache) -> None:
        self._engine = engine
        self._shards = shards
        self._directs = directs

    def find(self, user_id: int, message_id: str, conversation_id: int | None = None) -> View:
        """Does the same as ``look_up``, for a caller that does not change the message."""
        return self.look_up(user_id, message_id, conversation_id).view

    def look_up(self, user_id: int, message_id: str, conversation_id: int | None = None) -> FoundMessage:
        """Raises NotFound if the user sees no such message.

        An id is unique within a conversation. If the user sees several messages with this id, raises Invalid: the user
        must name the conversation.
        """
        message_id = message_id.lower()
        members = self._members(user_id, conversation_id)
        mine = members.certain(user_id)
        found = Messages(user_id)
        with reading(self._engine) as connection:
            rows = message_life.locate(connection, user_id, message_id, conversation_id)
            self._directs.load(connection, {row.conversation_id for row in rows})
            found.load(connection, rows, members.tails.records, directs=self._directs)
            found.apply(record for record in members.tails.records if record.id == message_id)
            found.add_quotations(connection, members.since)
        seen = [
            view for (c, seq), view in found.views.items() if c in mine and seq >= members.since.get((user_id, c), 0)
        ]
        if not seen or any(members.tails.lacks(c) for c, _ in found.views):
            members.check_complete()
            raise NotFound
        show_open_streams(self._shards, seen)
        if len(seen) > 1:
            raise _ambiguous()
        only = found.only_viewer((seen[0]["conversationId"], seen[0]["seq"]))
        return FoundMessage(seen[0], members.tails.of(seen[0]["conversationId"]).epoch, only)

    def look_up_hidden(self, user_id: int, message_id: str, conversation_id: int | None = None) -> FoundMessage:
        """Finds a message that the user has deleted only for themselves. The view has only its place. Raises NotFound,
        and Invalid as ``look_up`` does.
        """
        message_id = message_id.lower()
        members = self._members(user_id, conversation_id)
        with reading(self._engine) as connection:
            places = set(message_life.locate_hidden(connection, user_id, message_id))
        places |= {r.place for r in members.tails.records if _hides(r, user_id, message_id)}
        places = {place for place in places if conversation_id in (None, place[0])}
        certain = members.certain(user_id)
        mine = sorted(place for place in places if place[0] in certain)
        if not mine or any(members.tails.lacks(c) for c, _ in places):
            members.check_complete()
            raise NotFound
        if len(mine) > 1:
            raise _ambiguous()
        conversation, seq = mine[0]
        return FoundMessage(
            {"id": message_id, "conversationId": conversation, "seq": seq}, members.tails.of(conversation).epoch
        )

    def _members(self, user_id: int, conversation_id: int | None) -> Memberships:
        """If no conversation is named, a shard that is away does not prevent finding messages of other shards."""
        return memberships_now([user_id], conversation_id, engine=self._engine, shards=self._shards, some=True)

    def find_present(self, user_id: int, message_id: str, conversation_id: int | None = None) -> View:
        """Does the same as ``look_up_present``, for a caller that does not change the message."""
        return self.look_up_present(user_id, message_id, conversation_id).view

    def look_up_present(self, user_id: int, message_id: str, conversation_id: int | None = None) -> FoundMessage:
        """Like ``look_up``. Also raises NotFound if the message was deleted."""
        found = self.look_up(user_id, message_id, conversation_id)
        if "deletedAt" in found.view:
            raise NotFound
        return found


def _hides(record: Record, user_id: int, message_id: str) -> bool:
    return record.kind == Kind.HIDDEN and record.user_id == user_id and record.id == message_id


def _ambiguous() -> Invalid:
    return Invalid.field("conversationId", "several conversations have a message with this id; name the conversation")
