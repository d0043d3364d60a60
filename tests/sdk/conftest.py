"""Fixtures: a real Parley, and both clients of the SDK with the key of a host."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from parley_sdk import AsyncParleyServer, ParleyServer, Retry
from parley_sdk.outbox import Relay
from sqlalchemy import Engine, create_engine, delete, event

from tests.sdk.host_database import QUICK, Base, Order, outbox
from tests.sdk.stand_in import StandIn
from tests.support.clients import Account, register
from tests.support.documents import Documents
from tests.support.patience import PATIENCE
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.stand_in import serving
from tests.support.tcp_proxy import TcpProxy

SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-the-sdk"
_numbers = itertools.count(1)

Call = Callable[[Any], Any]
Use = Callable[[Call], Any]
NewId = Callable[[str], str]


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
def use(request: pytest.FixtureRequest, server: Stack, parley: ParleyServer) -> Use:
    """``use(lambda s: s.users.get("4711"))`` calls with the synchronous and with the asynchronous client."""

    async def run(call: Call) -> Any:
        async with AsyncParleyServer(server.base_url, SERVER_API_KEY, trust_env=False) as client:
            return await call(client)

    if request.param == "sync":
        return lambda call: call(parley)
    return lambda call: asyncio.run(run(call))


@pytest.fixture
def new_id() -> NewId:
    """Returns ids of a host that no other test uses. They have characters that paths must encode."""
    return lambda kind: f"{kind}/{next(_numbers)} ü"


@pytest.fixture
def order(parley: ParleyServer, new_id: NewId) -> str:
    """The external id of a conversation with one member."""
    member, external_id = new_id("user"), new_id("order")
    parley.users.put(member)
    parley.conversations.put(external_id, name="Order", members=[member])
    return external_id


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with serving(StandIn()) as started:
        yield started
        assert started.failures == []


@pytest.fixture(scope="module")
def host_engine(empty_database_url: str) -> Iterator[Engine]:
    engine = create_engine(empty_database_url, pool_size=20)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_host(host_engine: Engine) -> Engine:
    """The database of a host, empty. A relay that an earlier test killed may have left a row that was sent."""
    with host_engine.begin() as connection:
        connection.execute(delete(outbox.table))
        connection.execute(delete(Order))
    return host_engine


@pytest.fixture
def sqlite_host(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db", connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def host(postgres_host: Engine) -> Engine:
    """A module may choose another database."""
    return postgres_host


@pytest.fixture
def relay(host: Engine, stand_in: StandIn) -> Iterator[Relay]:
    with ParleyServer(stand_in.base_url, "psk_test", trust_env=False, retry=Retry(attempts=1)) as server:
        yield Relay(outbox.table, host, server, pauses=QUICK)


@pytest.fixture(scope="module")
def ann(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def ben(server: Stack) -> Account:
    return register(server.base_url)


@pytest.fixture
def proxy(server: Stack) -> Any:
    with TcpProxy(urlsplit(server.base_url).port or 0) as started:
        yield started


@pytest.fixture
def bot(parley: ParleyServer, new_id: Callable[[str], str]) -> str:
    external_id = new_id("bot")
    parley.users.put(external_id)
    return external_id
