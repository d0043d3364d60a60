"""Copies the conversations of one shard from Postgres into Redis, many of them in few round trips.

A gateway that has just started does not know which conversations Redis has, and a Redis that has lost its data has
none. In both cases, thousands of conversations are used again within a moment. One by one, each of them would take up
to three calls of Redis and two statements of Postgres, and senders would wait for the few connections of the process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

from redis.exceptions import ResponseError
from sqlalchemy import Engine

from app.coalescer import Coalescer, RunBlocking
from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.message_log.conversations import LARGE, hydrate_all, which_are_in_redis
from app.message_log.shards import Shard
from app.redis_calls import redis_errors_as_overloaded
from app.services.reading.direct_cache import DirectCache
from app.store.conversations import ANY_NUMBER, load_state
from app.store.engine import reading

Found = TypeVar("Found")
Done = Callable[[int, ParleyError | None], None]

HYDRATE_TRIES = 3
LOOKED_UP_AT_ONCE = 250
# Redis works on them for 1 ms (direct conversations) to 27 ms (groups of 100); measured on a slow machine.
READ_AT_ONCE = 50

log = logging.getLogger(__name__)


class _Wanted(NamedTuple):
    conversation_id: int
    is_there: bool  # Redis has it, but the cache of direct conversations does not


class Hydrator:
    """``begin`` hydrates a conversation together with others and reports to ``done`` with its id and None or the error.
    ``hydrate`` does it at once.

    ``present_epoch`` returns the epoch that a conversation's shard is in, and begins an epoch if the shard has none.
    """

    def __init__(
        self,
        shard: Shard,
        *,
        engine: Engine,
        directs: DirectCache,
        run_blocking: RunBlocking,
        present_epoch: Callable[[int], int],
        done: Done,
    ) -> None:
        self._shard = shard
        self._engine = engine
        self._directs = directs
        self._run_blocking = run_blocking
        self._present_epoch = present_epoch
        self._done = done
        # Two steps, so that conversations that Redis has do not wait for a Postgres that hangs.
        self._looked_up = Coalescer(self._look_up, run_blocking=run_blocking, at_once=LOOKED_UP_AT_ONCE)
        self._read = Coalescer(self._read_some, run_blocking=run_blocking, at_once=READ_AT_ONCE)

    def begin(self, conversation_id: int) -> None:
        """Never blocks."""
        self._looked_up.add(conversation_id)

    def hydrate(self, conversation_id: int) -> None:
        """May block. Raises NotFound, and Overloaded if a store does not answer.

        If the conversation is in Redis already (from another gateway or an earlier process), Postgres is not needed and
        may be down.
        """
        is_there = bool(self._find([conversation_id]))
        if is_there and self._directs.is_cached(conversation_id):
            return
        try:
            found = self._copy([conversation_id], ANY_NUMBER)
        except Overloaded:
            if not is_there:
                raise
        else:
            if not found:
                raise NotFound

    def _look_up(self, conversation_ids: list[int]) -> None:
        there, error = _attempt(partial(self._find, conversation_ids))
        for conversation_id in conversation_ids:
            if there is None:
                self._fail_or_read_alone(conversation_id, error)
            elif conversation_id in there and self._directs.is_cached(conversation_id):
                self._done(conversation_id, None)
            else:
                self._read.add(_Wanted(conversation_id, conversation_id in there))

    def _read_some(self, wanted: list[_Wanted]) -> None:
        found, error = _attempt(partial(self._copy, [conversation_id for conversation_id, _ in wanted], LARGE))
        for conversation_id, is_there in wanted:
            if conversation_id in (found or ()) or (is_there and isinstance(error, Overloaded)):
                self._done(conversation_id, None)
            elif found is None:
                self._fail_or_read_alone(conversation_id, error)
            else:  # it is large and must not hold up the others, or it does not exist
                self._run_blocking(partial(self._read_alone, conversation_id))

    def _fail_or_read_alone(self, conversation_id: int, error: ParleyError | None) -> None:
        """Handles the error of a call with many conversations. If one of them may be its cause, each is read alone, so
        that the others succeed.
        """
        if isinstance(error, Internal) or (error is not None and isinstance(error.__cause__, ResponseError)):
            self._run_blocking(partial(self._read_alone, conversation_id))
        else:
            self._done(conversation_id, error)

    def _read_alone(self, conversation_id: int) -> None:
        _, error = _attempt(partial(self.hydrate, conversation_id))
        self._done(conversation_id, error)

    def _find(self, conversation_ids: list[int]) -> set[int]:
        with redis_errors_as_overloaded():
            return which_are_in_redis(self._shard, conversation_ids)

    def _copy(self, conversation_ids: list[int], most_members: int) -> set[int]:
        """Returns the conversations that are in Redis now. Leaves out those that have more members or do not exist."""
        found: set[int] = set()
        left = conversation_ids
        for _ in range(HYDRATE_TRIES):
            with redis_errors_as_overloaded():
                epoch = self._present_epoch(conversation_ids[0])
            with reading(self._engine) as connection:
                states = load_state(connection, left, most_members)
                self._directs.load(connection, [state.id for state in states])
            with redis_errors_as_overloaded():
                found |= hydrate_all(self._shard, epoch, states)
            left = [state.id for state in states if state.id not in found]
            if not left:
                return found
        raise Overloaded("A new epoch is beginning.")


def _attempt(act: Callable[[], Found]) -> tuple[Found | None, ParleyError | None]:
    """Returns the result, or None and the error."""
    try:
        return act(), None
    except ParleyError as error:
        return None, error
    except Exception:
        log.exception("conversations could not be hydrated")
        return None, Internal()
