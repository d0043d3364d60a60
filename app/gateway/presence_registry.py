"""Registers in Redis which users are online at this gateway."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.core.errors import ParleyError
from app.fanout.presence import OFFLINE, ONLINE
from app.redis_batch import Batcher, Operation


class PresenceRegistry:
    """Registers the gateway's online users in Redis, through a batcher.

    ``confirmed_count`` and ``is_behind`` detect that Redis has lost users that it had confirmed. Users that are just
    joining or leaving do not count. Otherwise a storm of joins looked like a loss, and every session read the store
    again.
    """

    def __init__(self, changes: Callable[[list[Operation]], list[Any]], *, recover: Callable[[], None]) -> None:
        self._changes = changes
        self._confirmed: set[int] = set()
        self._leaving: Counter[int] = Counter()  # departures that Redis has not confirmed
        self._departures = 0
        self.batcher = Batcher("presence", self._carry_out, recover=recover)

    def begin_online(self, user_id: int) -> Callable[[], int]:
        """Begins to register a session that joins. Returns a function that waits for the registration.

        The function returns the version after which everything is sent to this gateway. It may block. Raises
        Overloaded, and RateLimited if the user joins too often.
        """
        wait = self.batcher.begin((ONLINE, user_id, 0, 1))
        return lambda: int(wait()[0])

    def mark_offline(self, user_id: int) -> None:
        self._departures += 1
        self._confirmed.discard(user_id)
        self._leaving[user_id] += 1

        def outcome(_result: Any, error: Any) -> None:
            if error is not None:
                self._settle_departure(user_id)

        self.batcher.submit((OFFLINE, user_id, int(time.time() * 1000)), outcome)

    def reregister(self, user_ids: list[int]) -> None:
        """Registers users that Redis forgot. For each of them, Redis sends the notice FORGOTTEN before anything that is
        published from then on. If a registration fails, the next heartbeat tries again.
        """
        for user_id in user_ids:
            self.batcher.submit((ONLINE, user_id, 1), lambda _result, _error: None)

    def register(self, user_id: int, outcome: Callable[[ParleyError | None], None]) -> None:
        """Registers a user whose session began before the shard answered. Calls ``outcome`` when that is done."""
        self.batcher.submit((ONLINE, user_id, 0), lambda _result, error: outcome(error))

    def confirmed_count(self) -> int:
        """Returns a count. Call this before Redis counts, and pass both counts to ``is_behind``."""
        return len(self._confirmed) + self._departures

    def is_behind(self, counted: int, confirmed: int) -> bool:
        """Returns whether Redis has fewer users than it must have, even if it has already removed everybody who
        has left since.
        """
        return counted < confirmed - self._departures

    def __len__(self) -> int:
        return len(self.batcher)

    def _carry_out(self, changes: list[Operation]) -> list[Any]:
        results = self._changes([self._with_known(change) for change in changes])
        for (act, user_id, *_), result in zip(changes, results, strict=True):
            if act == OFFLINE:
                self._settle_departure(user_id)
            elif (
                not isinstance(result, ParleyError) and user_id not in self._leaving
            ):  # otherwise the user is leaving already, and Redis may have removed them
                self._confirmed.add(user_id)
        return results

    def _with_known(self, change: Operation) -> Operation:
        """A user is known from the first confirmed registration until the departure of the last session."""
        act, user_id, *rest = change
        return (
            (ONLINE, user_id, 1, *rest[1:]) if act == ONLINE and user_id in self._confirmed else (act, user_id, *rest)
        )

    def _settle_departure(self, user_id: int) -> None:
        self._leaving[user_id] -= 1
        if not self._leaving[user_id]:
            del self._leaving[user_id]
