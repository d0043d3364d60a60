"""The part of the conversations that a shard has. Conversations are numbered one after the other. So the last bits of
their ids spread them evenly, and doubling the number of parts splits each part into two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """``number`` counts from 0. ``total``, the number of all parts, is a power of two."""

    number: int = 0
    total: int = 1

    @property
    def mask(self) -> int:
        return self.total - 1

    def has(self, conversation_id: int) -> bool:
        return part_of(conversation_id, self.total) == self.number

    def among(self, conversation_ids: set[int]) -> set[int]:
        """Returns the conversations that belong to the part. For the whole, this is the given set itself."""
        return conversation_ids if self.total == 1 else {c for c in conversation_ids if self.has(c)}


WHOLE = Part()


def part_of(conversation_id: int, total: int) -> int:
    """Returns the number of the part that has this conversation."""
    return conversation_id & (total - 1)


def divided(conversation_ids: Iterable[int], total: int) -> dict[int, set[int]]:
    """Returns number -> conversations of that part, for the parts that have some of these."""
    if total == 1:
        whole = set(conversation_ids)
        return {0: whole} if whole else {}
    found: dict[int, set[int]] = {}
    for conversation_id in conversation_ids:
        found.setdefault(part_of(conversation_id, total), set()).add(conversation_id)
    return found
