"""Up to which version everything of all shards is in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.position import CLOCK_MARGIN_US
from app.message_log.confirmations import stored_version
from app.message_log.epoch import parse_epoch
from app.message_log.shards import Shard, Shards


def stored_upto(shards: Shards, epochs: Sequence[int]) -> int:
    """Returns the version up to which all records of all shards are in Postgres or rejected. ``epochs`` has the epoch
    of each shard. Returns 0 if a shard's Redis is in another epoch.

    If there are several shards, an empty log counts as stored up to now; otherwise an idle shard would hold up the
    others.
    """
    if len(shards) == 1:
        return stored_version(shards[0], epochs[0])
    return min(_stored_upto(shard, epoch) for shard, epoch in zip(shards, epochs, strict=True))


def _stored_upto(shard: Shard, epoch: int) -> int:
    """Versions are never below the time of Redis at which they are assigned (lua/log.lua)."""
    pipe = shard.redis.pipeline(transaction=True)
    pipe.get(shard.keys.epoch)
    pipe.hget(shard.keys.log_state, "stored")
    pipe.xlen(shard.keys.log)
    pipe.time()
    answers: Any = pipe.execute()
    present, stored, waiting, (seconds, microseconds) = answers
    if not present or parse_epoch(present).number != epoch:
        return 0
    idle = 0 if waiting else int(seconds) * 1_000_000 + int(microseconds) - CLOCK_MARGIN_US
    return max(int(stored or 0), idle)
