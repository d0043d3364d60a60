"""Builds the parts that a worker needs. The other processes need them too."""

from __future__ import annotations

import os

from sqlalchemy import Engine

from app.config import Settings
from app.message_log.shards import Shards
from app.push.registry import ProviderContext, PushRegistry
from app.redis_connections import connect_shards
from app.services.media.media_storages import MediaStorages
from app.store.engine import create_engine
from app.store.replica import Replica, StoreReads
from app.worker_container import WorkerContainer


def build_worker_container(settings: Settings) -> WorkerContainer:
    engine = create_engine(settings)
    shards = Shards(connect_shards(settings))
    return WorkerContainer(
        settings=settings,
        engine=engine,
        store_reads=_store_reads(settings, engine),
        redis=shards[0].redis,  # this shard also has everything that exists once
        shards=shards,
        media=MediaStorages(settings),
        push=PushRegistry(ProviderContext(settings, os.environ, lambda: _vapid_key(settings, engine))),
    )


def _store_reads(settings: Settings, engine: Engine) -> StoreReads:
    if not settings.database_replica_url:
        return StoreReads(engine)
    there = create_engine(settings, url=settings.database_replica_url)
    return StoreReads(engine, Replica(there, engine, max_lag_seconds=settings.replica_max_lag_seconds))


def _vapid_key(settings: Settings, engine: Engine) -> str:
    from app.services.push.vapid_key import private_key  # noqa: PLC0415 - cryptography takes 5 MiB

    return private_key(settings, engine)
