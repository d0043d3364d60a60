"""The frame of a long-lived runner: its lease, and when it ends.

A lease in Redis keeps it to one runner at a time. Two would do no harm, because each piece of work is claimed by only
one of them. A run ends when nothing is due soon, when another runner has the lease, or when its process is stopping.
The next runner continues with the remaining work.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from redis import Redis

from app.fanout.runner_signal import RunnerSignal

LEASE_SECONDS = 5.0
RENEW_SECONDS = 1.0
RUN_SECONDS = 1800.0
WAIT_SECONDS = 0.5
MIN_WAIT_SECONDS = 0.05


class LeasedRun:
    """``stopping`` returns True once the process should end. ``each_second`` is called about once a second.

    The run stays if something is due within ``stay_for_ms``; otherwise a new runner would have to start just then. It
    ends ``linger_seconds`` after it had something to do.
    """

    def __init__(
        self,
        signal: RunnerSignal,
        redis: Redis,
        *,
        stopping: Callable[[], bool],
        each_second: Callable[[], None],
        stay_for_ms: int,
        linger_seconds: float,
    ) -> None:
        self._signal = signal
        self._redis = redis
        self._process_stopping = stopping
        self._each_second = each_second
        self._stay_for_ms = stay_for_ms
        self._linger_seconds = linger_seconds
        self._token = secrets.token_hex(8)
        self._is_over = False
        self._renewed = self._busy_at = self._ends = 0.0

    def begin(self) -> bool:
        """Takes the lease. Returns False if another runner has it. Raises RedisError."""
        self._renewed = self._busy_at = time.monotonic()
        self._ends = self._renewed + RUN_SECONDS
        return self._signal.take_lease(self._redis, self._token, LEASE_SECONDS)

    def stopping(self) -> bool:
        """Returns whether nothing more should begin."""
        return self._is_over or self._process_stopping()

    def goes_on(self) -> bool:
        """Renews the lease. Returns False if the run should end. Call it every few seconds. Raises RedisError."""
        now = time.monotonic()
        if self.stopping() or now >= self._ends:
            return False
        if now - self._renewed < RENEW_SECONDS:
            return True
        self._renewed = now
        self._each_second()
        return self._signal.take_lease(self._redis, self._token, LEASE_SECONDS)

    def has_lingered(self, is_busy: bool, due_ms: int | None) -> bool:
        """Returns whether the run should end, because there has been nothing to do for a while.

        ``due_ms``: in how many ms something is due, None if nothing waits.
        """
        now = time.monotonic()
        if is_busy or (due_ms is not None and due_ms < self._stay_for_ms):
            self._busy_at = now
        return now - self._busy_at > self._linger_seconds

    def stop(self) -> None:
        """Makes ``stopping`` return True."""
        self._is_over = True

    def end_lease(self) -> None:
        """Lets another runner begin. Raises RedisError."""
        self._signal.end_lease(self._redis, self._token)


def seconds_until(due_ms: int | None) -> float:
    """Returns how long a run with nothing to do may wait before it looks again."""
    return WAIT_SECONDS if due_ms is None else min(max(due_ms / 1000, MIN_WAIT_SECONDS), WAIT_SECONDS)
