"""The size of one answer. A page ends at its number of items or at ``ANSWER_BYTES``, whichever comes first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

ANSWER_BYTES = 256 * 1024
# The rest of the answer, beside the items: names, a cursor, the frame.
ENVELOPE_BYTES = 1024

_encode = msgspec.json.Encoder().encode


def count_fitting(items: Iterable[Any]) -> int:
    """Returns how many of the first items fit into one answer. The first one always does: a page leads on."""
    items = list(items)
    # Nearly every page fits whole, and encoding it at once costs a third of encoding its items one by one.
    if len(_encode(items)) <= ANSWER_BYTES - ENVELOPE_BYTES:
        return len(items)
    return count_within((len(_encode(item)) + 1 for item in items), ANSWER_BYTES - ENVELOPE_BYTES)


def first_fitting(items: list[T], limit: int) -> list[T]:
    """Returns the first items: at most ``limit``, and as many as fit into one answer."""
    return items[: count_fitting(items[:limit])]


def count_within(sizes: Iterable[int], bound: int) -> int:
    """Returns how many of the first sizes stay within ``bound`` together; at least one, if there is any."""
    count = total = 0
    for size in sizes:
        total += size
        if count and total > bound:
            break
        count += 1
    return count
