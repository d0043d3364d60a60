"""Counts the work of one web process since its start, for ``/metrics``."""

from __future__ import annotations

from collections import Counter

from app.core.errors import ParleyError
from app.core.histogram import Histogram, ack_seconds


class Activity:
    """``acks`` holds the seconds from an accepted to a stored message."""

    __slots__ = ("acks", "counters")

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.acks: Histogram = ack_seconds()

    def count(self, what: str) -> None:
        self.counters[what] += 1

    def count_error(self, error: ParleyError) -> None:
        self.counters[f"error:{error.code}"] += 1

    def count_close(self, code: int) -> None:
        self.counters[f"close:{int(code)}"] += 1
