"""Who is online at this gateway, as Redis is told."""

from __future__ import annotations

from collections.abc import Callable

from app.fanout.presence import CAME, LEFT
from app.redis_batch import Batcher
from app.services.message_path import now_ms


class NotedUsers:
    """Who is online at this gateway, kept in Redis through a batcher."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher = batcher

    def came(self, user_id: int) -> int:
        """May block. Returns the version after which everything is sent to this gateway."""
        return int(self._batcher.ask((CAME, user_id))[0])

    def left(self, user_id: int) -> None:
        self._batcher.submit((LEFT, user_id, now_ms()), lambda _result, _error: None)

    def note_again(self, user_ids: list[int], noted: Callable[[], None]) -> None:
        """Redis forgot where these users are. ``noted`` is called once it knows again: until then nothing that was
        published for them came here."""
        for user_id in user_ids[:-1]:
            self._batcher.submit((CAME, user_id), lambda _result, _error: None)
        for user_id in user_ids[-1:]:  # outcomes come in order; where it fails, the next heartbeat tries again
            self._batcher.submit((CAME, user_id), lambda _result, error: None if error else noted())

    def __len__(self) -> int:
        return len(self._batcher)
