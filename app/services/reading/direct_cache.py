"""Caches the two members of direct conversations."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from sqlalchemy import Connection

from app.store.direct_pairs import pairs_of

MAX_CACHED = 50_000


class DirectCache:
    """Remembers the two members of direct conversations. The pair of a conversation never changes, so no entry becomes
    stale.
    """

    def __init__(self, bound: int = MAX_CACHED) -> None:
        self._by_pair: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._peers: dict[int, tuple[int, int]] = {}
        self._groups: set[int] = set()
        self._bound = bound

    def find(self, one: int, other: int) -> int | None:
        """Returns the direct conversation of two users, or None if it is not cached."""
        return self._by_pair.get((min(one, other), max(one, other)))

    def peer(self, conversation_id: int, user_id: int) -> int | None:
        """Returns the other member of a direct conversation (the user, for notes to oneself). Returns None for a group
        and for a conversation that is not cached.
        """
        pair = self._peers.get(conversation_id)
        if pair is None:
            return None
        return pair[1] if pair[0] == user_id else pair[0]

    def is_direct(self, conversation_id: int) -> bool:
        """Returns False for a group and for a conversation that is not cached."""
        return conversation_id in self._peers

    def is_cached(self, conversation_id: int) -> bool:
        """Returns whether this conversation is cached, as direct or as a group."""
        return conversation_id in self._peers or conversation_id in self._groups

    def add_groups(self, conversation_ids: Iterable[int]) -> None:
        if len(self._groups) > self._bound:
            self._groups.clear()
        self._groups.update(conversation_ids)

    def add(self, one: int, other: int, conversation_id: int) -> None:
        pair = (min(one, other), max(one, other))
        self._by_pair[pair] = conversation_id
        self._peers[conversation_id] = pair
        if len(self._by_pair) > self._bound:
            _, oldest = self._by_pair.popitem(last=False)
            self._peers.pop(oldest, None)

    def load(self, connection: Connection, conversation_ids: Iterable[int]) -> None:
        """Caches these conversations, with one query for those that are not cached yet."""
        unknown = {i for i in conversation_ids if not self.is_cached(i)}
        if unknown:
            for conversation_id, low, high in pairs_of(connection, list(unknown)):
                self.add(low, high, conversation_id)
                unknown.discard(conversation_id)
            self.add_groups(unknown)
