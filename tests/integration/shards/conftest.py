"""Two shards for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine
from tests.integration.shards.two_shards import TwoShards


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


@pytest.fixture
def two(redis_client: redis.Redis, engine: Engine) -> TwoShards:
    return TwoShards(engine, redis_client)


@pytest.fixture
def away() -> Iterator[redis.Redis]:
    """A Redis that cannot be reached."""
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as client:
        yield client
