"""A receiver, a runner over stores of this test process, and a server for the modules test_api*.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from dev.processes import wait_until
from tests.contract.conftest import ann, ben, opened, rest, user
from tests.integration.store.conftest import engine
from tests.support.clients import HostClient
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver
from tests.webhooks.world import World

__all__ = ["ann", "ben", "engine", "opened", "rest", "user"]

KEY = "the-key-of-a-host-for-the-tests-of-webhooks"


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


@pytest.fixture(scope="package")
def server() -> Iterator[Stack]:
    with private_stack(web=1, workers=2, env={"SERVER_API_KEY": KEY}) as stack:
        yield stack


@pytest.fixture
def host(server: Stack, opened: list[Any]) -> Iterator[HostClient]:
    client = HostClient(server.base_url, KEY)
    opened.append(client)
    yield client
    for webhook in client.answer("GET", "/webhooks")["webhooks"]:
        client.call("DELETE", f"/webhooks/{webhook['webhookId']}")


@pytest.fixture
def hooked(host: HostClient, receiver: WebhookReceiver) -> int:
    return hook(host, receiver)


def hook(host: HostClient, receiver: WebhookReceiver, path: str = "/hook", **more: Any) -> int:
    made = host.call("POST", "/webhooks", json={"url": receiver.url(path), **more})
    assert made.status_code == 201
    receiver.secrets[path] = made.json()["secret"]
    assert made.json()["secret"].startswith("whsec_")
    return int(made.json()["webhookId"])


def arrives(receiver: WebhookReceiver, type_: str, **data: Any) -> dict[str, Any]:
    return wait_until(lambda: receiver.of(type_, **data), 30, f"{type_} {data}")[0]
