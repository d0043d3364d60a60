"""How fast a user may send, counted in the gateway: a send costs no round trip for it.

A user with sessions at several gateways is counted at each. What many gateways let through together is bounded by the
log.
"""

from __future__ import annotations

import time

from app.core.errors import RateLimited

KEPT = 10_000


class SendRates:
    """GCRA: one number a user, the moment at which all that was sent would have come at the sustained rate."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1.0 / rate
        self._ahead = burst / rate
        self._arrivals: dict[int, float] = {}

    def take(self, user_id: int) -> None:
        """Count one send. Raise RateLimited, and count nothing, where it comes too early."""
        now = time.monotonic()
        arrival = max(self._arrivals.get(user_id, 0.0), now)
        early = arrival - now - self._ahead
        if early > 0:
            raise RateLimited(retry_after=round(early + self._interval, 3))
        self._arrivals[user_id] = arrival + self._interval
        if len(self._arrivals) > KEPT:
            self._arrivals = {user: moment for user, moment in self._arrivals.items() if moment > now}
