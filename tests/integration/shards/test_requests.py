"""Requests about groups of both shards are shown, and their users resume, while a shard is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from tests.contract.conftest import ALL, Connect, MakeGroup, MakeRest, ann, ben, connect, group, opened, rest, user
from tests.contract.test_request_events import next_news, nobody_may, shown
from tests.factories.store import add_users
from tests.integration.shards.two_shards import TwoShards
from tests.support.clients import Account
from tests.support.private_stack import private_stack
from tests.support.processes import Stack
from tests.support.shards import Layout

__all__ = ["ann", "ben", "connect", "group", "opened", "rest", "user"]


@pytest.fixture(scope="module")
def server() -> Iterator[Stack]:
    with private_stack(layout=Layout(2, 2)) as stack:
        yield stack


@pytest.mark.parametrize("number", range(2))
def test_requests_of_a_shard_that_is_away_come_from_the_store(two: TwoShards, away: redis.Redis, number: int) -> None:
    asked, sender = add_users(two.engine, 2)
    groups = [two.group(number, sender) for number in range(2)]
    for place in groups:
        two.ask(place, sender, asked)
    requests = two.requests(two.lose(number, away))
    assert requests.waiting(asked) == two.requests().waiting(asked)
    assert {request.conversation_id: request.member_count for request in requests.waiting(asked)} == dict.fromkeys(
        groups, 1
    )
    assert [event.data for event in requests.events_since(asked, 0)] == [
        event.data for event in two.requests().events_since(asked, 0)
    ]


def test_request_of_a_sender_who_has_left_has_ended_while_its_shard_is_away(two: TwoShards, away: redis.Redis) -> None:
    asked, sender, owner = add_users(two.engine, 3)
    place = two.group(1, owner, sender)
    two.ask(place, sender, asked)  # a plain member may not add anybody
    requests = two.requests(two.lose(1, away))
    assert requests.waiting(asked) == []
    [event] = requests.events_since(asked, 0)
    assert b'"waiting":false' in event.data


@pytest.mark.parametrize("transport", ALL)
def test_session_with_a_request_resumes_while_the_shard_of_the_group_is_away(
    server: Stack, connect: Connect, rest: MakeRest, group: MakeGroup, ann: Account, ben: Account, transport: str
) -> None:
    nobody_may(rest(ann))
    client = connect(transport, ann)
    client.kill()
    while (place := group(ben, ann)) % 2 == 0:
        pass
    waiting = next(request for request in shown(rest(ann)) if request["conversationId"] == place)
    lost = server.stores.servers[1]
    lost.kill()
    try:
        client.reconnect()
        next_news(client, waiting)
    finally:
        lost.start()
    client.fence()
