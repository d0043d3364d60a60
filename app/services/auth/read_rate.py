"""Limits how fast one user, and one network, may read over REST at this process. No round trip: a read is often one."""

from __future__ import annotations

import time
from collections import OrderedDict

from app.core.errors import RateLimited

KEPT = 20_000
PEOPLE_PER_ADDRESS = 20


class ReadRate:
    """``rate`` reads per second, sustained, and ``burst`` at once; 0 is no limit."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._free_at: OrderedDict[str, float] = OrderedDict()  # when the whole burst is free again

    def __len__(self) -> int:
        return len(self._free_at)

    def count(self, user_id: int, network: str) -> None:
        """Raises RateLimited if the user or the network reads too fast."""
        if self._rate > 0:
            self._take(f"user {user_id}", 1 / self._rate)
            self._take(f"network {network}", 1 / self._rate / PEOPLE_PER_ADDRESS)

    def _take(self, who: str, cost: float) -> None:
        now = time.monotonic()
        free_at = max(now, self._free_at.pop(who, 0.0))
        wait = free_at + cost - now - self._burst / self._rate
        self._free_at[who] = free_at if wait > cost / 1000 else free_at + cost
        if len(self._free_at) > KEPT:
            self._free_at.popitem(last=False)
        if wait > cost / 1000:
            raise RateLimited(retry_after=max(1, round(wait)))
