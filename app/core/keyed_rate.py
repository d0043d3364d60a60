"""Limits how fast each of many callers acts, with one number per caller (generic cell rate algorithm, GCRA)."""

from __future__ import annotations

from collections import OrderedDict


class KeyedRate:
    """``rate`` turns per second for each, sustained, and ``burst`` at once. Remembers the last ``kept`` of them."""

    def __init__(self, rate: float, burst: float, kept: int = 20_000) -> None:
        self._interval = 1 / rate
        self._tolerance = burst / rate
        self._kept = kept
        self._free_at: OrderedDict[str, float] = OrderedDict()  # when the whole burst is free again

    def __len__(self) -> int:
        return len(self._free_at)

    def next_delay(self, who: str, now: float) -> float:
        """Returns what ``delay`` would return, without taking a turn."""
        return self._wait(max(now, self._free_at.get(who, 0.0)) + self._interval, now)

    def delay(self, who: str, now: float, *, longest: float = 0.0, turns: int = 1) -> float:
        """Takes turns and returns the seconds until the last of them; 0 within the burst. If the result is above
        ``longest``, no turn was taken.
        """
        cost = self._interval * turns
        free_at = max(now, self._free_at.pop(who, 0.0)) + cost
        wait = self._wait(free_at, now)
        self._free_at[who] = free_at if wait <= longest else free_at - cost
        if len(self._free_at) > self._kept:
            self._free_at.popitem(last=False)
        return wait

    def _wait(self, free_at: float, now: float) -> float:
        wait = free_at - now - self._tolerance
        return wait if wait > self._interval / 1000 else 0.0  # less is an error of rounding
