"""Detects a Redis that came back older than it was: its history lacks records that were accepted before.

For each of its connections, a process keeps the greatest version that it has seen over it, and compares it after every
connect, before anything else. What came over the earlier connection may be of an earlier run of the server. Then it is
compared with the version with which the next run began. Postgres has the greatest stored version. If Redis is
behind either, its epoch is given up, and a new one begins from Postgres.
"""

from __future__ import annotations

import logging
from typing import Any

from redis import Redis

from app.message_log import keys
from app.redis_scripts import script

log = logging.getLogger(__name__)


class History:
    """The latest epoch and the greatest version of it that one connection has shown, and the run of the server that it
    goes to. A history for several connections would take versions of a new run for those of the run before.
    """

    __slots__ = ("epoch", "run", "version")

    def __init__(self) -> None:
        self.epoch = 0
        self.version = 0
        self.run = ""

    def saw(self, epoch: int, version: int) -> None:
        """Called with every answer and publication of the log. Versions of another epoch are not compared."""
        if epoch > self.epoch:
            self.epoch, self.version = epoch, version
        elif epoch == self.epoch and version > self.version:
            self.version = version

    def is_behind(self, redis: Redis, stored_version: int = 0) -> bool:
        """Compares Redis with what was seen and with the greatest stored version. Gives the epoch up if Redis is
        behind, and returns whether it did. Raises RedisError.
        """
        answer: Any = script(redis, "app.message_log", "compare")(
            keys=[keys.EPOCH, keys.VERSION, keys.RUNS],
            args=[self.epoch, self.version, self.run, stored_version],
            client=redis,
        )
        gave_up, run = answer
        self.run = run.decode()
        if gave_up:
            log.error("Redis came back older than it was: its epoch is given up")
        return bool(gave_up)
