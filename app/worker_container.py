"""The container of a worker: everything that its tasks share, with its type. ``app/bootstrap`` builds it."""

from __future__ import annotations

from dataclasses import dataclass

import redis
from sqlalchemy import Engine

from app.config import Settings
from app.message_log.shards import Shards
from app.push.registry import PushRegistry
from app.services.media.media_storages import MediaStorages
from app.store.replica import StoreReads


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContainer:
    settings: Settings
    engine: Engine
    store_reads: StoreReads
    redis: redis.Redis
    shards: Shards
    media: MediaStorages
    push: PushRegistry
