"""If another gateway took a gateway for dead, its sessions miss nothing, no matter in which order things happen.

The scripts run in a real Valkey. The test takes the bus's publications from its own subscription, and so decides when
they reach the hub.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
import redis

from app.core.events import Event, EventBatch
from app.core.kinds import Kind
from app.core.records import pack, unpack
from app.fanout.hub import Hub
from app.fanout.presence import PresenceChanges
from app.gateway.presence_registry import PresenceRegistry
from app.gateway.sessions import SessionRegistry
from app.gateway.shard_sessions import ShardSessions
from app.message_log import keys
from app.message_log.shards import Shard
from app.redis_scripts import script
from app.transports.session import Session
from tests.support.own_hub import in_own_hub

ANN, BEN = 1, 2


class Reader(Session):
    def __init__(self, world: World, user_id: int) -> None:
        super().__init__(world.sessions, cast(Any, world.streams))
        self.user_id, self.id, self.seen = user_id, f"{user_id}:{id(self)}", list[int]()

    def write(self, event: Event | EventBatch) -> None:
        self.seen += [part.version for part in getattr(event, "parts", [event])]

    def backlog(self) -> int:
        return 0


class World:
    """One gateway, and the stream of events 1, 2, 3 … that all users get."""

    def __init__(self, client: redis.Redis) -> None:
        client.flushall()
        client.set(keys.FIRST.epoch, "1:0")
        self.redis, self.version = client, 0
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
        changes = PresenceChanges(Shard(client), "here", saw_epoch=lambda _: None)
        self.presence = PresenceRegistry(changes, recover=lambda: None)
        self.presence.batcher.start()
        others: Any = SimpleNamespace(devices=None, activity=None, max_sessions=9, max_sessions_per_user=9)
        self.of_shard = ShardSessions(self.hub, self.presence)
        self.sessions = SessionRegistry(shards=[self.of_shard], **vars(others))
        self.paused: list[Callable[[], None]] = []
        self.streams = SimpleNamespace(
            epoch=1,
            brings_news=True,
            replay=SimpleNamespace(changes_since=self._changes_since, news_since=lambda _user, _version: []),
            check_missed=lambda _asked, outcome: outcome(True, None),
            run_replay=self.paused.append,
            max_backlog=1,
        )
        self.streams.by_shard = [self.streams]
        self.bus = client.pubsub(ignore_subscribe_messages=True)
        self.bus.subscribe(keys.FIRST.gateway_channel("here"))
        self.deliver()

    def _changes_since(self, _user_id: int, begin: int, _since: int, _plan: object) -> tuple[list[Event], bool]:
        return [Event("changed", b"{}", version=at, cursor="") for at in range(begin + 1, self.version + 1)], False

    def publish(self) -> None:
        """Publishes the next event to the gateways where its users are, as append.lua does."""
        self.version += 1
        self.redis.set(keys.FIRST.version, self.version)
        users = [user for user in (ANN, BEN) if self.redis.hget(keys.FIRST.online, user) == b"here"]
        if users:
            record = [int(Kind.DELIVERED), 7, self.version, self.version, 0, 9, "", "", "", ""]
            self.redis.publish(keys.FIRST.gateway_channel("here"), pack([1, [[users, record]]]))

    def deliver(self) -> None:
        """Passes everything that was published to the hub."""
        self.bus.ping()
        kind = ""
        while kind != "pong":
            message = self.bus.get_message(timeout=5)
            kind = message["type"] if message else ""  # None: the answer to SUBSCRIBE
            if kind == "message":
                self.hub.dispatch(*unpack(message["data"]))

    def resume(self) -> None:
        """Runs the replays that were begun."""
        while self.paused:
            self.paused.pop(0)()

    def join(self, user_id: int) -> Reader:
        reader = Reader(self, user_id)
        reader.enter()
        reader.start_at(reader.present)
        reader.go_live_all()
        return reader

    def bury(self) -> None:
        """Acts like another gateway's heartbeat after this gateway's heartbeat is overdue."""
        self.redis.zadd(keys.FIRST.gateways, {"here": 1})
        names = [
            keys.FIRST.epoch,
            keys.FIRST.gateways,
            keys.FIRST.online,
            keys.ALL,
            keys.FIRST.gateway_users("there"),
            keys.SEEN,
            keys.FIRST.places,
        ]
        names += [keys.FED, keys.FED_PRESENCE, keys.gateway_watches("there")]
        beat = script(self.redis, "app.fanout", "beat", after="watches announce counts")
        beat(keys=names, args=[keys.PREFIX, "there", 10_000, pack([]), 1])
        assert not self.redis.exists(keys.FIRST.gateway_users("here"))

    def beat(self) -> None:
        """Acts like this gateway's own heartbeat when Redis has too few users."""
        self.of_shard.reregister_all()
        while len(self.presence) or not self.redis.sismember(keys.FIRST.gateway_users("here"), BEN):
            gevent.sleep(0.001)

    def close(self) -> None:
        self.presence.batcher.stop()
        self.bus.close()


@pytest.fixture
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    yield redis_client
    redis_client.flushall()


STEPS: dict[str, Callable[[World], Any]] = {
    "publish": World.publish,
    "deliver": World.deliver,
    "resume": World.resume,
    "join": lambda world: world.join(ANN),
    "beat": World.beat,
}
ORDERS = {
    "a second session joins": "publish join publish deliver resume",
    "the replay waits": "publish join publish deliver publish deliver resume publish deliver",
    "the replay is early": "publish join deliver resume publish deliver",
    "the heartbeat is first": "publish beat publish deliver resume publish deliver",
    "a join and a heartbeat": "publish join publish beat publish deliver resume",
    "a heartbeat between joins": "publish beat join publish deliver join resume publish deliver",
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
@in_own_hub
def test_sessions_of_a_buried_gateway_miss_nothing(client: redis.Redis, order: str) -> None:
    world = World(client)
    ann, ben = world.join(ANN), world.join(BEN)
    world.publish()
    world.deliver()
    world.bury()
    for step in order.split():
        STEPS[step](world)
    world.beat()  # sooner or later it comes
    world.deliver()
    world.resume()
    assert ann.seen == ben.seen == list(range(1, world.version + 1))
    world.close()


@in_own_hub
def test_second_session_of_a_registered_user_causes_no_replay(client: redis.Redis) -> None:
    world = World(client)
    readers = [world.join(ANN), world.join(ANN), world.join(BEN)]
    world.publish()
    world.deliver()
    assert not world.paused
    assert Counter(version for reader in readers for version in reader.seen) == {1: 3}
    world.close()


@in_own_hub
def test_user_who_left_and_returned_is_not_taken_for_forgotten(client: redis.Redis) -> None:
    world = World(client)
    world.join(ANN).detach()
    world.join(ANN)
    world.deliver()
    assert not world.paused
    world.close()
