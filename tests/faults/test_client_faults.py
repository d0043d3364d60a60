"""Clients that stop reading, read slowly, or vanish silently."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.cluster import Cluster, until
from tests.support.clients import Account, RestClient, WsClient, register
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.faults


@pytest.fixture
def offline_seconds(long_form: bool) -> float:
    """The docs promise 45 s with a ping every 20 s; the short form pings every 2 s."""
    return 45.0 if long_form else 12.0


@pytest.fixture
def people(cluster: Cluster) -> tuple[Account, Account]:
    return register(cluster.urls[0]), register(cluster.urls[1])


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    made: list[Any] = []
    yield made
    for client in made:
        client.kill() if isinstance(client, WsClient) else client.close()
        if isinstance(client, WsClient):
            client.rest.close()


def is_offline(client: RestClient, user_id: int) -> bool:
    return bool(client.presence([user_id])[user_id]["status"] == "offline")


def test_frozen_reader_goes_offline_in_time(
    cluster: Cluster,
    people: tuple[Account, Account],
    opened: list[Any],
    rng: random.Random,
    offline_seconds: float,
) -> None:
    """The client reads nothing and answers no ping, whether its window is full or not."""
    sender, frozen = people
    client = WsClient(cluster.urls[0], frozen)
    rest = RestClient(cluster.urls[1], sender.access_token)
    opened += [client, rest]
    client.connect(receive_buffer=rng.choice([2048, 65536]))
    assert client.connection is not None
    client.join()
    client.connection.freeze()
    for _ in range(rng.randint(0, 30)):
        rest.send(receiver_id=frozen.user_id, message="x" * 4000)
    until(lambda: is_offline(rest, frozen.user_id), offline_seconds, "the frozen reader offline")


def test_half_open_connection_goes_offline_in_time(
    cluster: Cluster, people: tuple[Account, Account], opened: list[Any], seed: int, offline_seconds: float
) -> None:
    other, vanished = people
    with TcpProxy(int(cluster.urls[0].rsplit(":", 1)[1])) as proxy:
        client = WsClient(f"http://127.0.0.1:{proxy.port}", vanished).join()
        rest = RestClient(cluster.urls[1], other.access_token)
        opened += [client, rest]
        assert not is_offline(rest, vanished.user_id)
        proxy.blackhole()
        until(lambda: is_offline(rest, vanished.user_id), offline_seconds, "the half-open session offline")


def test_slow_consumer_is_closed_and_resumes_completely(
    cluster: Cluster, people: tuple[Account, Account], opened: list[Any], rng: random.Random
) -> None:
    """Its outbox overflows: it is closed, others are unaffected, and its cursor brings every message."""
    sender, slow = people
    client = WsClient(cluster.urls[0], slow).connect(receive_buffer=2048)
    bystander = WsClient(cluster.urls[0], slow).join()
    talker = WsClient(cluster.urls[1], sender).join()
    opened += [client, bystander, talker]
    client.join()
    assert client.connection is not None
    client.connection.freeze()
    frozen_at = time.monotonic()
    cursor = client.cursor
    count = 1200 + rng.randrange(200)
    acks = []
    for first in range(0, count, 100):
        refs = [talker.send_nowait("y" * 4000, receiver_id=slow.user_id) for _ in range(min(100, count - first))]
        acks += [talker.answer(ref, 30).data for ref in refs]
    bystander.wait(lambda: True if len(bystander.messages()) == count else None, 30, "every message, in one connection")
    # On a busy machine the missing pong may end it before its outbox is full.
    allowed = {4429, None, 1001} if time.monotonic() - frozen_at > 3 else {4429, None}
    client.connection.thaw()
    client.wait_closed(20)
    assert client.close_code in allowed, client.close_code
    held = len(client.messages())
    assert held < count
    client.reconnect(client.cursor or cursor)
    client.wait(lambda: True if len({m["seq"] for m in client.messages()}) == count else None, 30, "every message")
    assert [m["seq"] for m in client.messages()] == [ack["seq"] for ack in acks]
