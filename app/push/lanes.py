"""Concurrency limits of push providers."""

from __future__ import annotations

from typing import NamedTuple


class LaneOptions(NamedTuple):
    """``threads`` limits concurrent calls of ``send``, ``batch`` the notifications in one call, and ``per_host`` the
    notifications in flight to one host."""

    threads: int
    batch: int
    per_host: int


FCM_LANE = LaneOptions(threads=2, batch=50, per_host=100)


def webpush_lane(threads: int) -> LaneOptions:
    """Gives one host at most half of the threads: if it hangs, the other hosts have the rest."""
    return LaneOptions(threads, 1, max(1, threads // 2))
