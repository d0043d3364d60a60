"""The members whom a text mentions: by name, and by the words that address a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from redis import Redis
from sqlalchemy import Engine

from app.core.errors import Invalid, Overloaded
from app.core.formatting import possible_mentions
from app.core.mentions import ALL, ONLINE, may_mention
from app.core.message_view import View
from app.core.records import HOST, MessageBody
from app.fanout.presence import online_among
from app.message_log.conversations import members_of
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.conversation_cache import ConversationCache
from app.store.engine import reading
from app.store.mentions import members_named
from app.store.visibility import visible_to

WORDS = frozenset({ALL, *ONLINE})
MAX_NAMED = 50  # possible mentions of a text; later ones mention nobody
MAX_ONLINE = 1000


class Mentions(NamedTuple):
    """``all``: the text mentions all members. ``online``: it mentions the online members, which ``users`` includes."""

    users: list[int]
    all: bool
    online: bool

    def add_to(self, body: MessageBody) -> None:
        if self.users:
            body.mentions = self.users
        if self.all:
            body.mentions_all = True
        if self.online:
            body.mentions_online = True


NOBODY = Mentions([], all=False, online=False)


class MentionFinder:
    def __init__(self, *, engine: Engine, redis: Redis, shards: Shards, conversations: ConversationCache) -> None:
        self._engine = engine
        self._redis, self._shards = redis, shards
        self._conversations = conversations

    def find(self, conversation_id: int, user_id: int, text: str, before: View | None = None) -> Mentions:
        """Returns whom the text mentions. ``before`` is the message that an edit replaces: the members whom it
        mentioned because they were online stay mentioned, and no others are added.

        May block. While a store does not answer, returns nobody: live chat goes on without mentions. Raises Invalid if
        the text mentions the members who are online, and they are more than ``MAX_ONLINE``.
        """
        named = _named(text)
        if not named:
            return NOBODY
        try:
            return self._find(conversation_id, user_id, named, before or {})
        except Overloaded:
            return NOBODY

    def _find(self, conversation_id: int, user_id: int, named: list[list[str]], before: View) -> Mentions:
        wanted = {name for names in named for name in names}
        users = self._members(conversation_id, named)
        leads = not wanted.isdisjoint(WORDS) and self._leads(conversation_id, user_id)
        to_online = leads and not wanted.isdisjoint(ONLINE)
        if to_online and before.get("mentionsOnline"):
            users |= set(before.get("mentions", ())) - self._members(conversation_id, _named(before["message"]))
        elif to_online:
            users.update(self._online(conversation_id, user_id))
        return Mentions(sorted(users), all=leads and ALL in wanted, online=to_online)

    def _members(self, conversation_id: int, named: list[list[str]]) -> set[int]:
        """Returns the member whom each mention means: the one with the longest of its possible names."""
        wanted = {name for names in named for name in names}
        with reading(self._engine) as connection:
            members = members_named(connection, conversation_id, sorted(wanted))
        found = (next((name for name in names if name in members), None) for names in named)
        return {members[name] for name in found if name is not None}

    def _leads(self, conversation_id: int, user_id: int) -> bool:
        return user_id == HOST or self._conversations.role_of(conversation_id, user_id) in ("owner", "admin")

    def _online(self, conversation_id: int, user_id: int) -> Iterable[int]:
        """Returns the other members who are online and show it to the author."""
        with redis_errors_as_overloaded():
            members = members_of(self._shards.of(conversation_id), conversation_id) or frozenset()
            there = online_among(self._redis, list(members - {user_id}))
        if len(there) > MAX_ONLINE:
            raise Invalid.field("message", f"more than {MAX_ONLINE} members are online; use @{ALL}")
        with reading(self._engine) as connection:
            visible = visible_to(connection, user_id, there)
        return [member for member in there if member in visible and visible[member].presence]


def _named(text: str) -> list[list[str]]:
    """Returns the possible names of each of the first ``MAX_NAMED`` mentions, the longest first."""
    if not may_mention(text):
        return []
    return possible_mentions(text)[:MAX_NAMED]
