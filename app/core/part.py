"""Which part of the conversations a shard has.

Conversations are numbered one after the other, so the last bits of their ids spread them evenly, and doubling the
number of parts splits each into two.
"""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """``number`` counts from 0. ``total``, the number of all parts, is a power of two."""

    number: int = 0
    total: int = 1

    @property
    def mask(self) -> int:
        return self.total - 1

    def has(self, conversation_id: int) -> bool:
        return conversation_id & self.mask == self.number


WHOLE = Part()
