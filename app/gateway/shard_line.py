"""The parts that a gateway has once for each shard: its way into the shard's log, and the way from the shard to the
sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.fanout.hub import Hub
from app.gateway.epochs import EpochKeeper
from app.message_log.append import Append
from app.message_log.confirmations import Confirmations
from app.message_log.current_epoch import CurrentEpoch
from app.message_log.shards import Shard
from app.redis_batch import Batcher


@dataclass(frozen=True, slots=True)
class ShardLine:
    """``queues`` lead to the scripts append, change and stream."""

    shard: Shard
    epoch: CurrentEpoch
    epochs: EpochKeeper
    confirmations: Confirmations
    hub: Hub
    scripts: tuple[Append, ...]
    queues: tuple[Batcher, ...]
