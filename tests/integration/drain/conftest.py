"""A log and a store for each test, and their engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine
from tests.integration.drain.log_and_store import LogAndStore


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


@pytest.fixture
def log(redis_client: redis.Redis, engine: Engine) -> LogAndStore:
    redis_client.flushall()
    return LogAndStore(redis_client, engine)
