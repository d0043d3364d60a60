"""Changes of presence are published only to the gateway whose sessions watch the user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from app.core.kinds import Kind
from app.core.records import unpack
from app.message_log import keys
from app.redis_publications import subscribe
from tests.contract.conftest import Connect
from tests.contract.test_typing_presence import is_state
from tests.support.clients import Account
from tests.support.processes import Stack


@pytest.fixture
def bus(server: Stack) -> Iterator[redis.client.PubSub]:
    """Receives the publications to every gateway. It counts as one more gateway, which watches nobody."""
    with server.shards() as shards:
        first = shards[0]
        gateways = (name.decode() for name in first.redis.zrange(first.keys.gateways, 0, -1))
        channels = (*map(first.keys.gateway_channel, gateways), keys.ALL, keys.WATCHING)
        with subscribe(first.redis, *channels) as pubsub:
            for _ in channels:
                pubsub.get_message(timeout=5)
            yield pubsub


def publications(bus: redis.client.PubSub) -> list[tuple[str, int]]:
    """Returns (channel, user) of each change of presence that was published so far."""
    found = []
    bus.ping()
    while (message := bus.get_message(timeout=5)) is None or message["type"] != "pong":
        if message is not None:
            answer = unpack(message["data"])
            items = answer[1] if isinstance(answer[1], list) else []
            channel = message["channel"].decode()
            found += [(channel, record[1]) for _, record in items if record[0] == Kind.PRESENCE]
    return found


def test_only_the_watching_gateway_of_two_gets_a_change(
    connect: Connect, bus: redis.client.PubSub, ann: Account, ben: Account, eve: Account
) -> None:
    watcher = connect("ws", ann)  # at the first gateway
    watcher.presence([ben.user_id])
    publications(bus)
    connect("ws", ben)  # at the second one
    connect("ws", eve)
    watcher.next_event(is_state(ben.user_id, "online"))
    found = [(channel, user) for channel, user in publications(bus) if user in (ben.user_id, eve.user_id)]
    assert [user for _, user in found] == [ben.user_id]
    assert found[0][0] != keys.ALL
