"""Moves sessions to milestones, so that their cursors stay short (docs/decisions/shards.md)."""

from __future__ import annotations

from typing import Any

from app.core.position import CLOCK_MARGIN_US, MILESTONE_BITS
from app.message_log.shards import Shard
from app.redis_scripts import script

CONSTANTS = f"local MILESTONE, MARGIN = {1 << MILESTONE_BITS}, {CLOCK_MARGIN_US}\n"


class Milestones:
    """Calls milestone.lua: each of the users gets the notice MILESTONE of this shard, if Redis has the user at this
    gateway. An operation is a user, and has no result.
    """

    def __init__(self, shard: Shard, gateway: str) -> None:
        self._script = script(shard.redis, "app.fanout", "milestone", after="milestones", constants=CONSTANTS)
        self._gateway = gateway
        self._keys = [
            shard.keys.epoch,
            shard.keys.version,
            shard.keys.online,
            shard.keys.gateway_channel(gateway),
            shard.keys.milestone,
        ]

    def __call__(self, users: list[int]) -> list[Any]:
        """Raises RedisError. If Redis has no epoch, nothing happens: the heartbeat begins one."""
        self._script(keys=self._keys, args=[self._gateway, *users])
        return [None] * len(users)
