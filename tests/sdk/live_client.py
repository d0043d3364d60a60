"""The client of a user in tests: opening one, and waiting for its events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from parley_sdk import Retry
from parley_sdk.client import Event, ParleyClient

from tests.support.clients import Account, RestClient
from tests.support.patience import PATIENCE
from tests.support.processes import Stack
from tests.support.tcp_proxy import TcpProxy

QUICK = Retry(first_pause=0.01, longest_pause=0.05)


def run(test: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(test, PATIENCE))


def connect(server: Stack, account: Account, *, url: str | None = None, **options: Any) -> ParleyClient:
    options = {"retry": QUICK, "proxy": None, **options}
    token = options.pop("token", account.access_token)
    return ParleyClient(url or server.base_url, token, **options)


async def next_event(events: AsyncIterator[Event], name: str) -> Event:
    async for event in events:
        if event.name == name:
            return event
    raise AssertionError(f"the client ended before {name}")


async def next_texts(events: AsyncIterator[Event], number: int) -> list[str]:
    return [(await next_event(events, "receive_message")).data["message"] for _ in range(number)]


def post(server: Stack, sender: Account, receiver: Account, *texts: str) -> list[dict[str, Any]]:
    rest = RestClient(server.base_url, sender.access_token)
    try:
        return [rest.send(receiver_id=receiver.user_id, message=each, id=str(uuid.uuid4())) for each in texts]
    finally:
        rest.close()


def address(proxy: TcpProxy) -> str:
    return f"http://127.0.0.1:{proxy.port}"


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)
