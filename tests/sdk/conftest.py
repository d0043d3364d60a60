"""Fixtures: a real Parley, and both clients of the SDK with the key of a host."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from parley_sdk import AsyncParleyServer, ParleyServer

from tests.support.documents import Documents
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-the-sdk"
_numbers = itertools.count(1)

Use = Callable[[Any], Any]


@pytest.fixture(scope="package")
def server() -> Iterator[Stack]:
    with private_stack(env={"SERVER_API_KEY": SERVER_API_KEY}) as stack:
        yield stack


@pytest.fixture(scope="package")
def documents(server: Stack) -> Documents:
    return Documents(server.base_url)


@pytest.fixture(scope="package")
def parley(server: Stack, documents: Documents) -> Iterator[ParleyServer]:
    """A client whose answers are checked against the document of the server."""

    def check(response: httpx.Response) -> None:
        response.read()
        documents.check_answer(response)

    hooks = {"response": [check]}
    with ParleyServer(server.base_url, SERVER_API_KEY, event_hooks=hooks, trust_env=False) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def use(request: pytest.FixtureRequest, server: Stack, parley: ParleyServer) -> Callable[[Use], Any]:
    """``use(lambda s: s.users.get("4711"))`` calls with the synchronous and with the asynchronous client."""

    async def run(call: Use) -> Any:
        async with AsyncParleyServer(server.base_url, SERVER_API_KEY, trust_env=False) as client:
            return await call(client)

    if request.param == "sync":
        return lambda call: call(parley)
    return lambda call: asyncio.run(run(call))


@pytest.fixture
def new_id() -> Callable[[str], str]:
    """Returns ids of a host that no other test uses. They have characters that paths must encode."""
    return lambda kind: f"{kind}/{next(_numbers)} ü"
