"""Keeps conversations in Redis while they are in use.

Redis drops a conversation that was idle for a day. "Hydrate" reads it from Postgres and puts it back. A conversation
that this gateway has seen in Redis is "warm".
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from app.coalescer import RunBlocking
from app.core.errors import ParleyError
from app.core.part import WHOLE, Part, part_of
from app.message_log.conversations import role_of
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.direct_cache import DirectCache
from app.services.reading.hydrator import Hydrator

Hydrated = Callable[[ParleyError | None], None]

MAX_WARM = 100_000

log = logging.getLogger(__name__)


class ConversationCache:
    """Not thread-safe. ``run_blocking`` runs a function that may block in a greenlet of its own; ``present_epoch``
    returns the epoch that a conversation's shard is in, and begins an epoch if the shard has none.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        shards: Shards,
        directs: DirectCache,
        run_blocking: RunBlocking,
        present_epoch: Callable[[int], int],
    ) -> None:
        self._shards = shards
        self._hydrators = [
            Hydrator(
                shard,
                engine=engine,
                directs=directs,
                run_blocking=run_blocking,
                present_epoch=present_epoch,
                done=self._end_hydration,
            )
            for shard in shards
        ]
        self._warm: set[int] = set()
        self._cold: set[int] = set()
        self._hydrating: dict[int, list[Hydrated]] = {}

    def is_warm(self, conversation_id: int) -> bool:
        """Returns whether the conversation was in Redis when this gateway last saw it.

        Sends to a conversation that is not warm must queue in ``when_hydrated``. If they were tried first, later ones
        could overtake them while the conversation is hydrated.
        """
        return conversation_id in self._warm

    def is_hydrating(self, conversation_id: int) -> bool:
        return conversation_id in self._hydrating

    def mark_cold(self, conversation_id: int) -> None:
        """Notes that a script did not find the conversation in Redis."""
        self._warm.discard(conversation_id)
        self._cold.add(conversation_id)

    def take_cold(self, part: Part = WHOLE) -> set[int]:
        """Returns the conversations of this part that were marked cold since the last call."""
        if not self._cold:
            return set()
        cold = {conversation_id for conversation_id in self._cold if part.has(conversation_id)}
        self._cold -= cold
        return cold

    def forget_all(self) -> None:
        """Treats every conversation as not warm: Redis lost its data."""
        self._warm.clear()

    def when_hydrated(self, conversation_id: int, go_on: Hydrated) -> None:
        """Hydrates the conversation once for all callers that arrive before it is done, then calls them back in their
        order with None or with the error. Never blocks.
        """
        waiting = self._hydrating.get(conversation_id)
        if waiting is not None:
            waiting.append(go_on)
            return
        self._hydrating[conversation_id] = [go_on]
        self._hydrator_of(conversation_id).begin(conversation_id)

    def _end_hydration(self, conversation_id: int, error: ParleyError | None) -> None:
        waiting = self._hydrating.pop(conversation_id)
        if error is None:
            if len(self._warm) >= MAX_WARM:
                self._warm.clear()
            self._warm.add(conversation_id)
        for go_on in waiting:
            try:
                go_on(error)
            except Exception:  # other conversations of the same batch wait behind this one
                log.exception("a caller that waited for conversation %d failed", conversation_id)

    def _hydrator_of(self, conversation_id: int) -> Hydrator:
        return self._hydrators[part_of(conversation_id, len(self._hydrators))]

    def hydrate(self, conversation_id: int) -> None:
        """Copies a conversation from Postgres into Redis. May block. Raises NotFound, and Overloaded if a store does
        not answer.
        """
        self._hydrator_of(conversation_id).hydrate(conversation_id)

    def role_of(self, conversation_id: int, user_id: int) -> str | None:
        """Returns the user's role as Redis has it, or None for a non-member. May block. Raises NotFound for an unknown
        conversation, and Overloaded.
        """
        self.hydrate(conversation_id)
        with redis_errors_as_overloaded():
            return role_of(self._shards.of(conversation_id), conversation_id, user_id)
