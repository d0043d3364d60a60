"""Keeps this process in the epoch that Redis is in."""

from __future__ import annotations

import logging
from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy import Engine

from app.clock import now_ms
from app.coalescer import RunBlocking
from app.core.errors import ParleyError
from app.fanout.revocation import RevokedSessions
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.epoch import Epoch, EpochBeginsError, begin_epoch, read_epoch
from app.message_log.history import History
from app.message_log.shards import Shard
from app.redis_calls import redis_errors_as_overloaded
from app.store.engine import reading
from app.store.epochs import greatest_version, next_epoch

log = logging.getLogger(__name__)


class EpochKeeper:
    """``run_blocking`` runs a function that may block in a greenlet of its own."""

    def __init__(
        self,
        *,
        shard: Shard,
        engine: Engine,
        current: CurrentEpoch,
        revoked: RevokedSessions,
        run_blocking: RunBlocking,
    ) -> None:
        self._shard = shard
        self._engine = engine
        self._current = current
        self._revoked = revoked
        self._run_blocking = run_blocking
        self._on_lost: list[Callable[[], None]] = []

    def on_lost(self, act: Callable[[], None]) -> None:
        """Calls ``act`` whenever Redis turns out to have lost its history, after the new epoch is adopted. ``act`` must
        not block.
        """
        self._on_lost.append(act)

    def saw(self, number: int) -> None:
        """Called with the epoch of every answer and publication of Redis. Never blocks.

        Epochs only grow. A publication of an earlier epoch was on its way when the present epoch began.
        """
        if number <= self._current.number:
            return
        first = self._current.number == 0
        self._current.adopt(Epoch(number, now_ms()))
        self._run_blocking(self.learn_start)
        if not first:
            log.warning("the epoch is now %d, because Redis lost its history", number)
            for act in self._on_lost:
                act()

    def is_over(self, number: int) -> bool:
        """Returns whether this epoch has ended, so that its events come late, from a lost history. 0 is no epoch."""
        return 0 < number < self._current.number

    def learn_start(self) -> None:
        """Reads when the epoch truly began. Until then, ids are checked as if it began now. May block."""
        with redis_errors_as_overloaded():
            epoch = read_epoch(self._shard)
        if epoch is not None and epoch.number == self._current.number:
            self._current.adopt(epoch)

    def present(self) -> int:
        """Returns the epoch that Redis is in now, after beginning one if Redis has none. May block. Raises Overloaded,
        RedisError.
        """
        epoch = read_epoch(self._shard)
        if epoch is None:
            self.renew()
        else:
            self.saw(epoch.number)
        return self._current.number

    def compare(self) -> None:
        """Begins an epoch if Redis has none, or is behind what Postgres has. May block."""
        try:
            if read_epoch(self._shard) is None or History(self.stored_version, self._shard.keys).is_behind(
                self._shard.redis
            ):
                self.renew()
        except EpochBeginsError:
            pass  # from Postgres, so there is nothing to compare
        except (RedisError, ParleyError) as error:
            log.warning("cannot compare Redis with Postgres: %s", type(error).__name__)

    def stored_version(self) -> int:
        """Returns the greatest version in Postgres. May block. Raises Overloaded if Postgres does not answer."""
        with reading(self._engine) as connection:
            return greatest_version(connection, self._shard.part)

    def renew(self) -> None:
        """Begins an epoch: Redis has none. May block. Raises Overloaded if Postgres does not answer, and RedisError."""
        epoch = begin_epoch(self._shard, lambda: next_epoch(self._engine, self._shard.part))
        self._revoked.load(from_store=True)
        self.saw(epoch.number)
