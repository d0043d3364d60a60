"""Reads the facts about a conversation for the policy of the host."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, exists, select

from app.store.models import Conversation, Member
from app.store.sql import first


class PlaceFacts(Struct, frozen=True):
    id: int
    kind: str
    external_id: str | None
    direct_low: int | None
    direct_high: int | None

    def other_than(self, user_id: int) -> int | None:
        """Returns the other user of a direct conversation; the user themselves in notes, None in a group."""
        if self.direct_low is None or self.direct_high is None:
            return None
        return self.direct_low + self.direct_high - user_id


def find_place(conn: Connection, conversation_id: int) -> PlaceFacts | None:
    columns = (
        Conversation.id,
        Conversation.kind,
        Conversation.external_id,
        Conversation.direct_low,
        Conversation.direct_high,
    )
    return first(PlaceFacts, conn.execute(select(*columns).where(Conversation.id == conversation_id)).first())


def is_member(conn: Connection, conversation_id: int, user_id: int) -> bool:
    theirs = Member.conversation_id == conversation_id, Member.user_id == user_id, Member.left_seq.is_(None)
    return bool(conn.execute(select(exists().where(*theirs))).scalar())
