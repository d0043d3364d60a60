"""A histogram of fixed buckets, cheap enough for the message path."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any


class Histogram:
    """Each bucket includes its upper bound; one more bucket holds the rest. Memory does not grow, and an observation
    costs two additions.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def snapshot(self) -> list[Any]:
        """Returns ``[bounds, counts, total]``. So readers of another release need not know the bounds."""
        return [list(self.bounds), list(self.counts), self.total]


# These range from the duration of a single commit to the timeout of clients.
ACK_BOUNDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCH_BOUNDS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)


def ack_seconds() -> Histogram:
    return Histogram(ACK_BOUNDS)


def batch_sizes() -> Histogram:
    return Histogram(BATCH_BOUNDS)
