"""Detects a Redis that came back older than it was: its history lacks records that were accepted before.

A process keeps the greatest version that it has seen and compares it with Redis' after every connect. Postgres has the
greatest stored version. If Redis is behind either, its epoch is given up, and a new one begins from Postgres.
"""

from __future__ import annotations

import logging

from redis import Redis

from app.message_log import keys
from app.redis_scripts import script

log = logging.getLogger(__name__)


class History:
    """The latest epoch and the greatest version of it that this process has seen."""

    __slots__ = ("epoch", "version")

    def __init__(self) -> None:
        self.epoch = 0
        self.version = 0

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
        expected = max(self.version, stored_version)
        gave_up = script(redis, "app.message_log", "compare")(
            keys=[keys.EPOCH, keys.VERSION], args=[self.epoch, expected], client=redis
        )
        if gave_up:
            log.error("Redis came back older than it was: its epoch %d is given up", self.epoch)
        return bool(gave_up)
