"""Who is online at this gateway, as Redis is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.fanout.presence import CAME, LEFT
from app.redis_batch import Batcher, Operation
from app.services.messaging.message_path import now_ms


class PresenceRegistry:
    """Who is online at this gateway, kept in Redis through a batcher.

    ``certain`` and ``forgotten`` tell whether Redis still has all that it has confirmed. Who is just coming or going is
    left out of it: a storm of joins is no loss, and to take it for one had every session read the store again.
    """

    def __init__(self, changes: Callable[[list[Operation]], list[Any]], *, recover: Callable[[], None]) -> None:
        self._changes = changes
        self._confirmed: set[int] = set()
        self._departures = 0
        self.batcher = Batcher("presence", self._carry_out, recover=recover)

    def came(self, user_id: int) -> int:
        """May block. Returns the version after which everything is sent to this gateway."""
        return int(self.batcher.ask((CAME, user_id))[0])

    def left(self, user_id: int) -> None:
        self._departures += 1
        self._confirmed.discard(user_id)
        self.batcher.submit((LEFT, user_id, now_ms()), lambda _result, _error: None)

    def note_again(self, user_ids: list[int], noted: Callable[[], None]) -> None:
        """Redis forgot where these users are. ``noted`` is called once it knows again: until then nothing that was
        published for them came here."""
        for user_id in user_ids[:-1]:
            self.batcher.submit((CAME, user_id), lambda _result, _error: None)
        for user_id in user_ids[-1:]:  # outcomes come in order; where it fails, the next heartbeat tries again
            self.batcher.submit((CAME, user_id), lambda _result, error: None if error else noted())

    def certain(self) -> int:
        """To be asked for before Redis counts, and given to ``forgotten`` with its count."""
        return len(self._confirmed) + self._departures

    def forgotten(self, counted: int, certain: int) -> bool:
        """Whether Redis has fewer users than it must have, even if all who went meanwhile were counted as gone."""
        return counted < certain - self._departures

    def __len__(self) -> int:
        return len(self.batcher)

    def _carry_out(self, changes: list[Operation]) -> list[Any]:
        results = self._changes(changes)
        for act, user_id, *_ in changes:
            if act == CAME:
                self._confirmed.add(user_id)
            else:  # once more: where they came and went in one breath, coming was confirmed after ``left``
                self._confirmed.discard(user_id)
        return results
