"""Presence in the feed for hosts: recorded by the scripts, moved by a task."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from app.core.times import rfc3339
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges, send_heartbeat
from app.message_log import keys
from app.message_log.shards import Shard
from app.services.webhooks.fed_presence import mark_fed, move_presence
from app.store import host_feed
from app.store.engine import reading
from tests.integration.store.conftest import engine

__all__ = ["engine"]

Moved = Callable[..., list[tuple[str, dict[str, Any]]]]


@pytest.fixture
def client(redis_with_epoch: redis.Redis) -> redis.Redis:
    mark_fed(redis_with_epoch)
    return redis_with_epoch


@pytest.fixture
def moved(client: redis.Redis, engine: Engine) -> Moved:
    """Moves the recorded changes, and returns all events since the test began."""
    with reading(engine) as conn:
        before = host_feed.last_event(conn)

    def move(through: redis.Redis | None = None) -> list[tuple[str, dict[str, Any]]]:
        move_presence(through or client, engine)
        with reading(engine) as conn:
            found = host_feed.read_page(conn, before, 1000).events
        return [(event.type, json.loads(event.data)) for event in found]

    return move


def test_changes_of_presence_become_events(client: redis.Redis, moved: Moved) -> None:
    change = PresenceChanges(Shard(client), "here", saw_epoch=lambda _: None)
    change([(ONLINE, 41, 0), (ONLINE, 42, 0), (ONLINE, 41, 0)])
    change([(OFFLINE, 41, 1_700_000_000_000)])
    assert moved() == [
        ("user.online", {"userId": 41}),
        ("user.online", {"userId": 42}),
        ("user.offline", {"userId": 41, "lastSeen": rfc3339(1_700_000_000_000)}),
    ]


def test_user_of_a_dead_gateway_was_last_seen_with_its_last_heartbeat(client: redis.Redis, moved: Moved) -> None:
    PresenceChanges(Shard(client), "dead", saw_epoch=lambda _: None)([(ONLINE, 41, 0)])
    client.zadd(keys.FIRST.gateways, {"dead": 1_700_000_000_000})
    send_heartbeat(Shard(client), "here")
    assert int(client.hget(keys.SEEN, "41") or 0) == 1_700_000_000_000
    assert moved()[1:] == [("user.offline", {"userId": 41, "lastSeen": rfc3339(1_700_000_000_000)})]


def test_two_processes_that_move_at_once_lose_nothing(client: redis.Redis, moved: Moved) -> None:
    """While the first one writes, another one moves the same entries, and then somebody else comes online."""
    change = PresenceChanges(Shard(client), "here", saw_epoch=lambda _: None)
    change([(ONLINE, 41, 0)])

    class Slow(redis.Redis):
        def lrange(self, *args: Any) -> Any:
            found = super().lrange(*args)
            if not client.hexists(keys.FIRST.online, "42"):
                moved()
                change([(ONLINE, 42, 0)])
            return found

    with Slow(connection_pool=client.connection_pool) as slow:
        events = moved(slow)
    assert {data["userId"] for _, data in events} == {41, 42}
