"""Caches the two members of direct conversations."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from sqlalchemy import Connection

from app.store.direct_pairs import pair_of, pairs_of

MAX_CACHED = 50_000


class DirectCache:
    """Remembers the users of direct conversations, and which of the two may write without opening it first.

    The pair of a conversation never changes. A user from whom it is held back (store/direct_pairs.py) has no entry: the
    conversation is admitted when they open it. A conversation is never held back later, so no entry becomes stale.
    """

    def __init__(self, bound: int = MAX_CACHED) -> None:
        self._by_pair: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._peers: dict[int, tuple[int, int]] = {}
        self._groups: set[int] = set()
        self._bound = bound

    def find(self, one: int, other: int | str) -> int | None:
        """Returns the direct conversation of two users, or None if it is not cached, or held back from ``one``. A user
        who is named by an external id is not cached.
        """
        return None if isinstance(other, str) else self._by_pair.get((one, other))

    def peer(self, conversation_id: int, user_id: int) -> int | None:
        """Returns the other member of a direct conversation (the user, for notes to oneself). Returns None for a group,
        for a conversation that is not cached, and for a user who is not in it.
        """
        pair = self._peers.get(conversation_id)
        if pair is None or user_id not in pair:
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

    def add(self, one: int, other: int, conversation_id: int, held: int | None = None) -> None:
        """``held`` is the user from whom the conversation is held back, if there is one."""
        for user, peer in ((one, other), (other, one)):
            if user != held:
                self._by_pair[user, peer] = conversation_id
        self._peers[conversation_id] = pair_of(one, other)
        if len(self._peers) > self._bound:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        (user, peer), oldest = self._by_pair.popitem(last=False)
        self._by_pair.pop((peer, user), None)
        self._peers.pop(oldest, None)

    def load(self, connection: Connection, conversation_ids: Iterable[int]) -> None:
        """Caches these conversations, with one query for those that are not cached yet."""
        unknown = {i for i in conversation_ids if not self.is_cached(i)}
        if unknown:
            for conversation_id, low, high, held in pairs_of(connection, list(unknown)):
                self.add(low, high, conversation_id, held)
                unknown.discard(conversation_id)
            self.add_groups(unknown)
