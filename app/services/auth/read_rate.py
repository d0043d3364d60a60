"""Limits how fast one user, and one network, may read over REST at this process. It needs no round trip, because a read
is often only one itself.
"""

from __future__ import annotations

import time

from app.core.errors import RateLimited
from app.core.keyed_rate import KeyedRate

PEOPLE_PER_ADDRESS = 20


class ReadRate:
    """``rate`` reads per second, sustained, and ``burst`` at once; 0 is no limit."""

    def __init__(self, rate: float, burst: int) -> None:
        many = PEOPLE_PER_ADDRESS
        self._limits = [KeyedRate(rate, burst), KeyedRate(rate * many, burst * many)] if rate > 0 else []

    def count(self, user_id: int, network: str) -> None:
        """Raises RateLimited if the user or the network reads too fast."""
        now = time.monotonic()
        for limit, who in zip(self._limits, (str(user_id), network), strict=False):
            wait = limit.delay(who, now)
            if wait:
                raise RateLimited(retry_after=max(1, round(wait)))
