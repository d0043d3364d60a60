"""The outbox in front of a running Parley: once and in order, although relays and Parley's processes are killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from parley_sdk import ParleyServer, Retry
from parley_sdk.outbox import Relay, show_backlog
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from dev.embedded import EmbeddedStores
from dev.processes import wait_until
from tests.sdk.conftest import SERVER_API_KEY, NewId
from tests.sdk.host_database import Base, outbox, waiting
from tests.support.patience import PATIENCE
from tests.support.processes import START_SECONDS, Stack

QUICK = Retry(first_pause=0.05, longest_pause=0.5)


@pytest.fixture(scope="module")
def host(stores: EmbeddedStores) -> Iterator[Engine]:
    stores.postgres.create_database("shop")
    engine = create_engine(stores.postgres.url("shop", scheme="postgresql+psycopg"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()
    stores.postgres.drop_database("shop")


def sent(parley: ParleyServer, order: str) -> list[dict[str, Any]]:
    history = parley.conversations.messages(order, limit=100)["messages"]
    return [message for message in history if message["message"]]  # type: ignore[misc]


def relay_to(host: Engine, server: Stack) -> tuple[ParleyServer, Relay]:
    client = ParleyServer(server.base_url, SERVER_API_KEY, trust_env=False, retry=Retry(attempts=1))
    return client, Relay(outbox.table, host, client, pauses=QUICK)


def test_messages_arrive_with_the_id_of_their_row(host: Engine, server: Stack, parley: ParleyServer, order: str):
    with Session(host) as session:
        chosen = outbox(session).send("one", conversation=order, metadata={"order": 1})
        session.commit()
    client, relay = relay_to(host, server)
    with client:
        assert relay.run_until_empty() == 1
        (message,) = sent(parley, order)
        assert (message["id"], message["message"], message["metadata"]) == (chosen, "one", {"order": 1})


def test_refusals_are_those_of_the_server(host: Engine, server: Stack, new_id: NewId):
    with Session(host) as session:
        outbox(session).send("lost", conversation=new_id("nothing"))
        session.commit()
    client, relay = relay_to(host, server)
    with client:
        relay.run_until_empty()
    (failed,) = show_backlog(outbox.table, host).failed
    assert "not_found" in failed.error


def test_killed_web_processes_and_workers_lose_nothing(host: Engine, server: Stack, parley: ParleyServer, order: str):
    client, relay = relay_to(host, server)
    refused = waiting(host)  # by other tests; such messages stay
    stop = threading.Event()
    thread = threading.Thread(target=relay.run_forever, args=(stop, 0.01))
    thread.start()
    try:
        for number in range(60):
            with Session(host) as session:
                outbox(session).send(f"{number}", conversation=order)
                session.commit()
            if number == 20:
                server.kill_web(0)
                server.start_web(0)
            if number == 40:
                server.kill_worker(0)
                server.start_worker(0)
        # The worker has to start before the last messages are stored.
        wait_until(lambda: waiting(host) == refused, START_SECONDS + PATIENCE, "all new messages to be sent")
    finally:
        stop.set()
        thread.join(PATIENCE)
        client.close()
    assert [message["message"] for message in sent(parley, order)] == [str(number) for number in range(60)]
