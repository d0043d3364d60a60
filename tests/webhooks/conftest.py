"""A receiver, and a runner over stores of this test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Engine

from tests.contract.conftest import ann, ben, opened, rest, user
from tests.integration.store.conftest import engine
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.webhooks.world import World

__all__ = ["ann", "ben", "engine", "opened", "rest", "user"]


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
