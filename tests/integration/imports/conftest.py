"""A world of imports for each test, with steps so small that each stage has several."""

from __future__ import annotations

import pytest
import redis
from sqlalchemy import Engine

from app.services.imports import live, steps
from tests.integration.drain.conftest import engine
from tests.integration.drain.log_and_store import LogAndStore
from tests.integration.imports.world import ImportWorld

__all__ = ["engine"]


@pytest.fixture
def world(redis_client: redis.Redis, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> ImportWorld:
    redis_client.flushall()
    for name, size in (("USERS_AT_ONCE", 2), ("MESSAGES_AT_ONCE", 7), ("CONVERSATIONS_AT_ONCE", 2)):
        monkeypatch.setattr(steps, name, size)
    monkeypatch.setattr(live, "MESSAGES_AT_ONCE", 5)
    return ImportWorld(LogAndStore(redis_client, engine))
