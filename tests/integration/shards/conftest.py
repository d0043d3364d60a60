"""Two shards for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine, text

from app.config import Settings
from app.store.engine import writing
from tests.integration.shards.two_shards import TwoShards
from tests.support.process_engine import engine
from tests.support.processes import SECRET_KEY, base_env

__all__ = ["engine"]


@pytest.fixture
def two(redis_client: redis.Redis, engine: Engine) -> TwoShards:
    return TwoShards(engine, redis_client)


@pytest.fixture
def away() -> Iterator[redis.Redis]:
    """A Redis that cannot be reached."""
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as client:
        yield client


def _run(engine: Engine, *statements: str) -> None:
    with writing(engine) as conn:
        for statement in statements:
            conn.execute(text(statement))


@pytest.fixture
def env(settings: Settings) -> dict[str, str]:
    """The environment of a command over the stores of the module."""
    stores = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url}
    return base_env(**stores, SECRET_KEY=SECRET_KEY)


@pytest.fixture
def new(engine: Engine) -> Iterator[Engine]:
    """An installation without conversations, whose number is not set."""
    _run(engine, *(f"DELETE FROM {t}" for t in ("shard_count", "noted_changes", "members", "conversations")))
    yield engine
    _run(engine, "DELETE FROM shard_count")
