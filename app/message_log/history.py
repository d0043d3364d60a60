"""Detects a Redis that came back older than it was: its history lacks records that were accepted before.

Each connection of a process has a History: the greatest version that it has shown, and the run of the server that
showed it. After a reconnect, before anything else, that version is compared with Redis' present version. If the server
was restarted, it is compared with the version with which the next run began. A connection that has seen nothing yet
compares Redis with the greatest version in Postgres. If Redis is behind either, its epoch is given up, and a new one
begins from Postgres.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from redis import Redis

from app.message_log.keys import FIRST
from app.message_log.shard_keys import ShardKeys
from app.redis_scripts import script

log = logging.getLogger(__name__)


class History:
    """The latest epoch that one connection has shown, the greatest version in this epoch, and the run of the server.

    Each connection to a shard needs its own: connections reconnect at different times, so one may still be in the
    previous run. ``stored_version`` returns the greatest version in Postgres.
    """

    __slots__ = ("_compared", "_keys", "_stored_version", "epoch", "run", "version")

    def __init__(self, stored_version: Callable[[], int], keys: ShardKeys = FIRST) -> None:
        self._stored_version = stored_version
        self._keys = keys
        self._compared = False
        self.epoch = 0
        self.version = 0
        self.run = ""

    def saw(self, epoch: int, version: int) -> None:
        """Called with every answer and publication of the log. Versions of another epoch are not compared."""
        if epoch > self.epoch:
            self.epoch, self.version = epoch, version
        elif epoch == self.epoch and version > self.version:
            self.version = version

    def is_behind(self, redis: Redis) -> bool:
        """Compares Redis with the newest version seen so far; the first time, also with Postgres. Gives the epoch up
        if Redis is behind, and returns whether it did. Raises RedisError, and Overloaded if Postgres does not answer.

        Later comparisons need no Postgres: this connection has seen newer versions than Postgres had then.
        """
        stored_version = 0 if self._compared else self._stored_version()
        answer: Any = script(redis, "app.message_log", "compare")(
            keys=[self._keys.epoch, self._keys.version, self._keys.runs],
            args=[self.epoch, self.version, self.run, stored_version],
            client=redis,
        )
        self._compared = True
        gave_up, run = answer
        self.run = run.decode()
        if gave_up:
            log.error("Redis came back with older data; a new epoch begins")
        return bool(gave_up)
