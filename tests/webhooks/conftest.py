"""A receiver, and a runner over stores of this test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine
from tests.contract.conftest import ann, ben, opened, rest, user
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.webhooks.world import World

__all__ = ["ann", "ben", "opened", "rest", "user"]  # of the module's server


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as made:
        yield made
        assert made.failures == []


@pytest.fixture
def world(engine: Engine, redis_client: redis.Redis, receiver: WebhookReceiver) -> Iterator[World]:
    redis_client.flushall()
    made = World(engine, redis_client, receiver)
    yield made
    made.run("DELETE FROM webhooks")
