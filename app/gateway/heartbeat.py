"""Signals to other processes: the gateway's heartbeat, and the wake-up of a drain."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from app.coalescer import RunBlocking
from app.core.errors import Overloaded
from app.fanout.presence import ask_for_rosters, send_heartbeat
from app.gateway.epochs import EpochKeeper
from app.gateway.shard_sessions import ShardSessions
from app.gateway.watch_registry import WatchRegistry
from app.message_log.shards import Shard

log = logging.getLogger(__name__)

WAKE_EVERY_SECONDS = 0.5


class Heartbeat:
    """Keeps the gateway's users online in one shard, and detects that its Redis has lost them or their watches.

    Watches are in the first shard; ``watches`` is None for the others.
    """

    def __init__(
        self,
        *,
        shard: Shard,
        gateway_id: str,
        epochs: EpochKeeper,
        sessions: ShardSessions,
        watches: WatchRegistry | None,
    ) -> None:
        self._shard = shard
        self._gateway_id = gateway_id
        self._epochs = epochs
        self._sessions = sessions
        self._watches = watches
        self._hub = sessions.hub

    def beat(self) -> None:
        """May block. Raises RedisError, Overloaded."""
        confirmed = self._sessions.presence.confirmed_count()
        if self._watches is None:
            found, expected = send_heartbeat(self._shard, self._gateway_id), 0
        else:
            with self._watches.releasing() as (released, expected):
                found = send_heartbeat(self._shard, self._gateway_id, released)
        if found.epoch is None:
            self._epochs.renew()
            return
        self._epochs.saw(found.epoch)
        if self._sessions.presence.is_behind(found.users, confirmed):  # or another gateway took this one for dead
            log.warning("Redis has lost users who are online here; registering them again")
            self._sessions.reregister_all()
        if self._watches is not None:
            self._watches.repair(found.watched, expected)
        self._sessions.admit_absent()
        self.complete_rosters()

    def complete_rosters(self) -> None:
        """Requests all rosters if notices may have been lost. May block."""
        try:
            if not self._hub.rosters.complete:
                ask_for_rosters(self._shard, self._gateway_id)
        except RedisError as error:
            log.warning(
                "cannot request rosters: Redis does not answer (%s); the next heartbeat tries again",
                type(error).__name__,
            )


class DrainWaker:
    """Called if something was logged and no drain runs. Wakes one at most twice a second, and never two at once: a
    broker that hangs would otherwise fill the pool of background work. Beat and the workers watch the log as well.
    """

    def __init__(self, *, wake_drain: Callable[[], None], run_blocking: RunBlocking) -> None:
        self._wake_drain = wake_drain
        self._run_blocking = run_blocking
        self._woke = 0.0
        self._waking = False

    def wake(self) -> None:
        now = time.monotonic()
        if not self._waking and now - self._woke > WAKE_EVERY_SECONDS:
            self._woke = now
            self._waking = True
            self._run_blocking(self._wake)

    def _wake(self) -> None:
        try:
            self._wake_drain()
        except Overloaded as error:
            log.warning("no drain was woken: %s", error)
        finally:
            self._waking = False
