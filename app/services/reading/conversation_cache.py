"""Keeps conversations in Redis while they are in use.

Redis drops a conversation that was idle for a day. "Hydrate" reads it from Postgres and puts it back. A conversation
that this gateway has seen in Redis is "warm".
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import Engine

from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.core.part import WHOLE, Part
from app.message_log.conversations import hydrate, is_in_redis, role_of
from app.message_log.shards import Shards
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.direct_cache import DirectCache
from app.store.conversations import load_state
from app.store.engine import reading

Hydrated = Callable[[ParleyError | None], None]
RunBlocking = Callable[[Callable[[], None]], None]

log = logging.getLogger(__name__)

HYDRATE_TRIES = 3
MAX_WARM = 100_000


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
        self._engine = engine
        self._shards = shards
        self._directs = directs
        self._run_blocking = run_blocking
        self._present_epoch = present_epoch
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
        self._run_blocking(lambda: self._hydrate_for_all(conversation_id))

    def _hydrate_for_all(self, conversation_id: int) -> None:
        failure: ParleyError | None = None
        try:
            self.hydrate(conversation_id)
        except ParleyError as error:
            failure = error
        except Exception:
            log.exception("conversation %d could not be hydrated", conversation_id)
            failure = Internal()
        waiting = self._hydrating.pop(conversation_id)
        if failure is None:
            if len(self._warm) >= MAX_WARM:
                self._warm.clear()
            self._warm.add(conversation_id)
        for go_on in waiting:
            go_on(failure)

    def hydrate(self, conversation_id: int) -> None:
        """Copies a conversation from Postgres into Redis. May block. Raises NotFound, and Overloaded if a store does
        not answer.

        If the conversation is in Redis already (from another gateway or an earlier process), Postgres is not needed and
        may be down.
        """
        with redis_errors_as_overloaded():
            is_there = is_in_redis(self._shards.of(conversation_id), conversation_id)
        if is_there and self._directs.is_cached(conversation_id):
            return
        try:
            self._read_into_redis(conversation_id)
        except Overloaded:
            if not is_there:
                raise

    def role_of(self, conversation_id: int, user_id: int) -> str | None:
        """Returns the user's role as Redis has it, or None for a non-member. May block. Raises NotFound for an unknown
        conversation, and Overloaded.
        """
        self.hydrate(conversation_id)
        with redis_errors_as_overloaded():
            return role_of(self._shards.of(conversation_id), conversation_id, user_id)

    def _read_into_redis(self, conversation_id: int) -> None:
        for _ in range(HYDRATE_TRIES):
            with redis_errors_as_overloaded():
                epoch = self._present_epoch(conversation_id)
            with reading(self._engine) as connection:
                states = load_state(connection, [conversation_id])
                if not states:
                    raise NotFound
                self._directs.load(connection, [conversation_id])
            with redis_errors_as_overloaded():
                if hydrate(self._shards.of(conversation_id), epoch, states[0]):
                    return
        raise Overloaded("A new epoch is beginning.")
