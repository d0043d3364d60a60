"""A bounded queue that is fair to groups: each group gets its turn, however many items another group has."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Holds at most ``limit`` items of all groups together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._groups: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, group: str, item: T) -> T | None:
        """Adds the item. Returns the item that has no room, or None.

        A full queue gives up the newest item of the largest group, unless the new item's group would become the
        largest: then the new item has no room.
        """
        if self._count < self._limit:
            self._add(group, item)
            return None
        own = len(self._groups.get(group, ()))
        largest = max(self._groups, key=lambda name: len(self._groups[name]), default=group)
        if own + 1 >= len(self._groups.get(largest, ())):
            return item
        given_up = self._groups[largest].pop()
        self._count -= 1
        self._add(group, item)
        return given_up

    def take(self) -> T | None:
        """Returns the oldest item of the group whose turn it is; None if the queue is empty."""
        if not self._groups:
            return None
        group, items = self._groups.popitem(last=False)
        item = items.popleft()
        self._count -= 1
        if items:
            self._groups[group] = items
        return item

    def discard(self, group: str, item: T) -> None:
        """Removes the item if it is still in the queue."""
        items = self._groups.get(group)
        if items is None or item not in items:
            return
        items.remove(item)
        self._count -= 1
        if not items:
            del self._groups[group]

    def _add(self, group: str, item: T) -> None:
        self._groups.setdefault(group, deque()).append(item)
        self._count += 1
