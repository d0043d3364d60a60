"""A log and a store for each test, and their engine."""

from __future__ import annotations

import pytest
import redis
from sqlalchemy import Engine

from tests.integration.drain.log_and_store import LogAndStore
from tests.support.process_engine import engine

__all__ = ["engine"]


@pytest.fixture
def log(redis_client: redis.Redis, engine: Engine) -> LogAndStore:
    redis_client.flushall()
    return LogAndStore(redis_client, engine)
