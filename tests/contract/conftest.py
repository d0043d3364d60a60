"""Two gateways over stores of their own. Users and clients are removed after each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.support.clients import TRANSPORTS, Account, EventClient, HostClient, RestClient, WsClient, register
from tests.support.private_stack import private_stack
from tests.support.processes import Stack

MakeUser = Callable[..., Account]
Connect = Callable[..., Any]
MakeRest = Callable[..., RestClient]
MakeGroup = Callable[..., int]
Person = tuple[str, Account]

ALL = ("ws", "sse", "poll")
SERVER_API_KEY = "the-key-of-a-host-for-the-tests-of-the-contract"


@pytest.fixture(scope="package")
def server() -> Iterator[Stack]:
    env = {"SSE_COMMENT_SECONDS": "1", "PING_SECONDS": "2", "SERVER_API_KEY": SERVER_API_KEY}
    with private_stack(web=2, workers=1, env=env) as stack:
        yield stack


@pytest.fixture(scope="package")
def short_server() -> Iterator[Stack]:
    """A server with short time limits for everything that takes long in production."""
    env = {
        "ACCESS_TOKEN_SECONDS": "8",
        "JOIN_SECONDS": "1",
        "PING_SECONDS": "1",
        "TICKET_SECONDS": "1",
        "SEND_RATE": "5",
        "SEND_BURST": "30",
        "MAX_SESSIONS_PER_USER": "5",
        "ALLOWED_ORIGINS": "https://chat.example",
        "MAX_GROUP_MEMBERS": "5",
        "EDIT_SECONDS": "3",
        "NEW_ACCOUNT_CONVERSATIONS": "10",
        "PRESENCE_VISIBLE": "contacts",
        "STRICT_REQUESTS": "true",
    }
    with private_stack(web=1, workers=1, env=env) as stack:
        yield stack


@pytest.fixture(scope="package")
def stored(server: Stack) -> Iterator[Engine]:
    engine = create_engine(server.stores.postgres.url(scheme="postgresql+psycopg"))
    yield engine
    engine.dispose()


@pytest.fixture
def rows(stored: Engine) -> Callable[[int], list[tuple[Any, ...]]]:
    """Returns (seq, id, sender, text) of a conversation's rows in Postgres."""
    query = text("select seq, id::text, sender_id, body from messages where conversation_id = :c order by seq")

    def read(conversation_id: int) -> list[tuple[Any, ...]]:
        with stored.connect() as connection:
            return [tuple(row) for row in connection.execute(query, {"c": conversation_id})]

    return read


@pytest.fixture
def user(server: Stack) -> MakeUser:
    return lambda **kwargs: register(server.base_url, **kwargs)


@pytest.fixture
def ann(user: MakeUser) -> Account:
    return user()


@pytest.fixture
def ben(user: MakeUser) -> Account:
    return user()


@pytest.fixture
def eve(user: MakeUser) -> Account:
    return user()


@pytest.fixture(params=ALL)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """The clients of this test, closed after it."""
    made: list[Any] = []
    yield made
    for client in made:
        client.finish() if isinstance(client, EventClient) else client.close()


@pytest.fixture
def connect(server: Stack, opened: list[Any]) -> Connect:
    """``connect(transport, account, cursor=None, …)`` returns a joined client, on the gateways in turn."""
    gateways = itertools.cycle(server.base_urls)

    def join(transport: str, account: Account, cursor: str | None = None, **options: Any) -> EventClient:
        client = TRANSPORTS[transport](next(gateways), account, **options)
        opened.append(client)
        return client.join(cursor)

    return join


@pytest.fixture
def rest(server: Stack, opened: list[Any]) -> MakeRest:
    """``rest(account)`` returns a REST client of that user; ``rest()`` one without credentials."""

    def make(account: Account | None = None) -> RestClient:
        client = RestClient(server.base_url, account.access_token if account else None)
        opened.append(client)
        return client

    return make


@pytest.fixture
def host(server: Stack, opened: list[Any]) -> HostClient:
    """The server API, with a key that has every scope."""
    client = HostClient(server.base_url, SERVER_API_KEY)
    opened.append(client)
    return client


@pytest.fixture
def zoe(host: HostClient) -> Person:
    """A user of the host: the external id, and the account."""
    return host.new_account(displayName="Zoe")


@pytest.fixture
def yan(host: HostClient) -> Person:
    return host.new_account(displayName="Yan")


@pytest.fixture
def room(host: HostClient, zoe: Person, yan: Person) -> str:
    """The external id of a group of Zoe and Yan."""
    return str(host.new_group(zoe[0], yan[0])["externalId"])


@pytest.fixture
def group(rest: MakeRest) -> MakeGroup:
    """``group(owner, member, …, history="joined", …)`` returns the id of a new group."""

    def make(owner: Account, *members: Account, **more: Any) -> int:
        return int(rest(owner).group(members=[m.user_id for m in members], **more)["id"])

    return make


@pytest.fixture
def made(group: MakeGroup, ann: Account, ben: Account) -> int:
    """A group of Ann, its owner, and Ben."""
    return group(ann, ben)


@pytest.fixture
def raw(server: Stack, opened: list[Any]) -> Connect:
    """``raw(account)`` returns an open WebSocket that has not joined. Takes the options of ``WsClient.connect``."""

    def make(account: Account, *, credential: str = "header", **options: Any) -> WsClient:
        client = WsClient(server.base_url, account, credential=credential)
        opened.append(client)
        return client.connect(**options)

    return make
