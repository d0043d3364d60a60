"""Registers in Redis whom the sessions of this gateway watch. The gateway gets only the changes of their presence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from gevent.event import Event
from redis.exceptions import RedisError

from app.fanout.presence import DEAD_AFTER_SECONDS
from app.fanout.watchers import State, Watchers

log = logging.getLogger(__name__)

RELEASED_AT_ONCE = 2000  # by one heartbeat, which occupies Redis for some milliseconds

# Registers users in Redis and returns their states. May block. Raises RedisError.
Register = Callable[[Sequence[int]], dict[int, State]]


class WatchRegistry:
    """Sessions subscribe first, then read, in one call. Heartbeats end watches that no session needs any more.

    While Redis lacks watches, it may have published changes that did not come here. So ``register_all`` reads all
    states, and sessions get what they have missed.
    """

    def __init__(self, watchers: Watchers, register: Register) -> None:
        self._watchers = watchers
        self._call = register
        self._sent: set[int] = set()  # Redis may have them
        self._registered: set[int] = set()  # Redis has confirmed them
        self._releasing: frozenset[int] = frozenset()
        self._released = Event()
        self._released.set()
        self._complete = True
        self._read_again_at = 0.0

    def register(self, user_ids: Sequence[int]) -> dict[int, State]:
        """Returns the newest states of users whom a session has begun to watch. May block. Raises RedisError."""
        while not self._releasing.isdisjoint(user_ids):  # a release that is under way could undo the registration
            self._released.wait()
        since = self._watchers.moment
        self._sent.update(user_ids)
        try:
            states = self._call(user_ids)
        except RedisError:
            self._complete = False
            raise
        finally:
            self._watchers.release(user_ids)  # nobody may watch them any more
        self._registered.update(user for user in user_ids if user in self._watchers)
        return self._watchers.learn(states, since)

    @contextmanager
    def releasing(self) -> Iterator[tuple[list[int], int]]:
        """Yields, for a heartbeat, the users to release, and how many watches Redis must have afterwards."""
        users = [user for user in self._watchers.take_released(RELEASED_AT_ONCE) if user in self._sent]
        self._registered.difference_update(users)
        self._releasing = frozenset(users)
        self._released.clear()
        try:
            yield users, len(self._registered)
            self._sent.difference_update(users)
        except BaseException:
            self._watchers.release(users)
            raise
        finally:
            self._releasing = frozenset()
            self._released.set()

    def repair(self, watched: int, expected: int) -> None:
        """Called after each heartbeat, with the count of Redis. Registers all users again if some are missing. May
        block.
        """
        missing = watched < expected
        if missing or not self._complete or 0 < self._read_again_at <= time.monotonic():
            self.register_all()
        if missing:
            # A gateway that was taken for dead may still have to read older changes. The next heartbeat comes later.
            self._read_again_at = time.monotonic()

    def lost(self) -> None:
        """Registers all watches again in a Redis that has lost its data. May block. Other gateways register their users
        at the same time, and these look offline until then. So their states are read a moment later.
        """
        self._complete = False
        self._read_again_at = time.monotonic() + DEAD_AFTER_SECONDS
        try:
            users = self._watchers.visible()
            self._sent.update(users)
            self._call(users)
            self._complete = True
        except RedisError as error:
            log.warning("watches are not registered yet: %s", type(error).__name__)

    def register_all(self) -> None:
        """Registers everybody whom a session watches, and shows sessions what they have missed. May block."""
        self._complete, self._read_again_at = True, 0.0
        self._registered.clear()
        try:
            self.register(self._watchers.visible())
        except RedisError as error:
            log.warning("watches are not registered yet: %s", type(error).__name__)
