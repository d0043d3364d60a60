"""One server with Web Push and FCM stand-ins for the whole package.

Each test has its own users, browsers and devices.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from app.push.vapid import make_private_key, public_key_of
from dev.processes import wait_until
from tests.support.clients import Account, RestClient, WsClient, register
from tests.support.fcm_server import FcmServer, fcm_server
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.web_push_service import Browser, WebPushService, web_push_service

SPACING_SECONDS = 1.0
CONFIRM_SECONDS = 10.0
SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-push"


@dataclass
class Pushing:
    """A running server and the push services that it sends to."""

    stack: Stack
    web: WebPushService
    fcm: FcmServer
    engine: Engine

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def wait_until_settled(self, timeout: float = 30) -> None:
        """Waits until no push is pending and no delivery is under way."""
        query = (
            "SELECT (SELECT count(*) FROM push_owed), (SELECT count(*) FROM push_deliveries WHERE state = 'pending')"
        )
        wait_until(lambda: self.rows(query)[0] == (0, 0), timeout, "all pushes to end", every=0.05)


@dataclass
class Person:
    account: Account
    rest: RestClient

    @property
    def id(self) -> int:
        return self.account.user_id

    def subscribe(self, browser: Browser, **more: Any) -> int:
        return int(self.rest.json("POST", "/push/subscriptions", json={**browser.subscription(), **more})["id"])

    def device(self, platform: str = "android", **more: Any) -> str:
        token = f"token-{os.urandom(12).hex()}"
        self.rest.json("POST", "/push/devices", json={"token": token, "platform": platform, **more})
        return token


@pytest.fixture(scope="package")
def pushing() -> Iterator[Pushing]:
    key = make_private_key()
    with web_push_service(public_key_of(key)) as web, fcm_server() as fcm:
        env = {
            "SERVER_API_KEY": SERVER_API_KEY,
            "VAPID_PRIVATE_KEY": key,
            "VAPID_SUBJECT": "mailto:push@parley.example",
            **fcm.settings(),
            "PUSH_LOOPBACK": "1",
            "PUSH_SPACING_SECONDS": str(SPACING_SECONDS),
            "PUSH_CONFIRM_SECONDS": str(CONFIRM_SECONDS),
        }
        with private_stack(web=1, workers=1, env=env) as stack:
            engine = create_engine(stack.stores.postgres.url(scheme="postgresql+psycopg"))
            yield Pushing(stack, web, fcm, engine)
            engine.dispose()


@pytest.fixture(autouse=True)
def default_answers(pushing: Pushing) -> Iterator[None]:
    """Resets the stand-ins' answers after each test and checks that they could parse every request."""
    yield
    pushing.web.answer = lambda request: None
    pushing.fcm.answer = lambda message: None
    pushing.web.delay = pushing.fcm.delay = 0.0
    assert pushing.web.failures == []
    assert pushing.fcm.failures == []


@pytest.fixture
def closing() -> Iterator[list[Any]]:
    made: list[Any] = []
    yield made
    for client in made:
        client.finish() if isinstance(client, WsClient) else client.close()


@pytest.fixture
def person(pushing: Pushing, closing: list[Any]) -> Callable[..., Person]:
    def make(display_name: str | None = None) -> Person:
        account = register(pushing.stack.base_url)
        closing.append(rest := RestClient(pushing.stack.base_url, account.access_token))
        if display_name is not None:
            rest.json("PATCH", "/me", json={"displayName": display_name})
        return Person(account, rest)

    return make


@pytest.fixture
def online(pushing: Pushing, closing: list[Any]) -> Callable[..., WsClient]:
    def join(who: Person, **options: Any) -> WsClient:
        client = WsClient(pushing.stack.base_url, who.account, **options)
        closing.append(client)
        client.join()
        return client

    return join


def bodies(browser: Browser) -> list[str]:
    return [payload["body"] for payload in list(browser.received) if payload["type"] == "message"]
