"""Changes of presence go only to gateways with a session that watches the user, and each such session ends up right."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from app.core.events import Event
from app.core.kinds import Kind
from app.core.records import unpack
from app.fanout.hub import Hub
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges, send_heartbeat, sign_off
from app.fanout.watches import register_watches
from app.gateway.watch_registry import WatchRegistry
from app.message_log import keys
from app.message_log.shards import Shard

ANN, BEN, EVE = 1, 2, 3
SEEN_MS = 1_700_000_000_000


class Watcher:
    """A session that shows the presence of users."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self.shown = gateway, dict[int, bool]()
        self.user_id, self.id, self.auth_session, self.transport = 99, "", "", "websocket"

    def watch(self, *users: int) -> None:
        """Does what ``presence_subscribe`` does."""
        watchers = self._gateway.hub.watchers
        watchers.watch(self, users)  # type: ignore[arg-type] # only what these tests need
        watchers.allow(self, users)  # type: ignore[arg-type]
        states = self._gateway.watches.register(users)
        self.shown |= {user: states[user].online for user in users}

    def unwatch(self, *users: int) -> None:
        self._gateway.hub.watchers.unwatch(self, users)  # type: ignore[arg-type]
        for user in users:
            self.shown.pop(user, None)

    def offer_ephemeral(self, event: Event) -> None:
        data = json.loads(event.data)
        self.shown[int(data["userId"])] = data["status"] == "online"


class Gateway:
    """The parts of a gateway that have to do with presence, over a real Redis and a real subscription."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self.redis, self.name = client, name
        self.users: set[int] = set()
        self.received: Counter[int] = Counter()  # changes of presence, by user
        self.hub = Hub(lambda _versions, _error: None, revoked=lambda _session: None)
        self.watches = WatchRegistry(self.hub.watchers, partial(register_watches, client, name))
        self.session = Watcher(self)
        self._change = PresenceChanges(Shard(client), name, saw_epoch=lambda _: None)
        self.subscribe()
        self.beat()

    def subscribe(self, *channels: str) -> None:
        self.bus = self.redis.pubsub(ignore_subscribe_messages=True)
        self.bus.subscribe(*(channels or (keys.FIRST.gateway_channel(self.name), keys.ALL, keys.WATCHING)))
        self.deliver()

    def lose_subscription(self) -> None:
        """Loses everything that was published and not delivered."""
        self.bus.close()
        self.subscribe()
        self.watches.register_all()

    def join(self, user: int) -> None:
        self._change([(ONLINE, user, 0)])
        self.users.add(user)

    def leave(self, user: int) -> None:
        self.users.discard(user)
        self._change([(OFFLINE, user, SEEN_MS)])

    def register_users(self) -> None:
        for user in self.users:
            self.join(user)

    def beat(self) -> None:
        with self.watches.releasing() as (released, expected):
            found = send_heartbeat(Shard(self.redis), self.name, released)
        if found.users < len(self.users):
            self.register_users()
        self.watches.repair(found.watched, expected)

    def deliver(self) -> None:
        self.bus.ping()
        kind = ""
        while kind != "pong":
            message = self.bus.get_message(timeout=5)
            kind = message["type"] if message else ""  # None: the answer to SUBSCRIBE
            if kind == "message":
                epoch, items = unpack(message["data"])
                self.received.update(record[1] for _, record in items if record[0] == Kind.PRESENCE)
                self.hub.dispatch(epoch, items)

    def close(self) -> None:
        self.bus.close()


@pytest.fixture
def client(redis_with_epoch: redis.Redis) -> redis.Redis:
    return redis_with_epoch


@pytest.fixture
def make(client: redis.Redis) -> Iterator[Callable[[str], Gateway]]:
    made: list[Gateway] = []

    def make_one(name: str) -> Gateway:
        made.append(Gateway(client, name))
        return made[-1]

    yield make_one
    for gateway in made:
        gateway.close()


@pytest.fixture
def here(make: Callable[[str], Gateway]) -> Gateway:
    return make("r-here")


@pytest.fixture
def there(make: Callable[[str], Gateway]) -> Gateway:
    return make("r-there")


def registered(client: redis.Redis) -> dict[bytes, bytes]:
    return client.hgetall(keys.WATCHED)


def test_only_gateways_that_watch_get_changes(here: Gateway, there: Gateway) -> None:
    here.session.watch(ANN, BEN)
    there.session.watch(BEN)
    there.join(ANN)
    here.join(BEN)
    here.join(EVE)
    there.leave(ANN)
    for gateway in (here, there):
        gateway.deliver()
    assert here.received == {ANN: 2, BEN: 1}
    assert there.received == {BEN: 1}
    assert here.session.shown == {ANN: False, BEN: True}


def test_watches_end_with_the_next_heartbeat(client: redis.Redis, here: Gateway, there: Gateway) -> None:
    for gateway in (here, there):
        gateway.session.watch(ANN, BEN)
    here.session.unwatch(ANN)
    here.beat()
    assert registered(client) == {b"1": b"r-there", b"2": b"r-here r-there"}
    assert client.smembers(keys.gateway_watches("r-here")) == {b"2"}


def test_user_who_is_watched_again_before_the_heartbeat_stays(client: redis.Redis, here: Gateway) -> None:
    here.session.watch(ANN)
    here.session.unwatch(ANN)
    here.session.watch(ANN)
    here.beat()
    assert registered(client) == {b"1": b"r-here"}


def test_failed_heartbeat_releases_with_the_next_one(client: redis.Redis, here: Gateway) -> None:
    here.session.watch(ANN)
    here.session.unwatch(ANN)
    with pytest.raises(redis.ConnectionError), here.watches.releasing():
        raise redis.ConnectionError
    here.beat()
    assert registered(client) == {}


def test_nothing_is_left_of_gateways_that_ended_or_died(client: redis.Redis, here: Gateway, there: Gateway) -> None:
    here.session.watch(ANN, BEN)
    there.session.watch(BEN)
    sign_off(Shard(client), "r-there")
    assert registered(client) == {b"1": b"r-here", b"2": b"r-here"}
    client.zadd(keys.FIRST.gateways, {"r-here": 1})
    send_heartbeat(Shard(client), "r-third")
    assert registered(client) == {}
    assert not client.exists(keys.gateway_watches("r-here"), keys.gateway_watches("r-there"))


def test_gateway_without_a_subscription_is_no_longer_published_to(client: redis.Redis, here: Gateway) -> None:
    here.session.watch(ANN, BEN)
    here.bus.close()
    here.join(ANN)
    assert registered(client) == {b"2": b"r-here"}
    here.subscribe()
    here.watches.register_all()
    assert here.session.shown == {ANN: True, BEN: False}, "what it missed is read"


def test_change_during_the_subscription_is_newer_than_what_was_read(
    client: redis.Redis, here: Gateway, there: Gateway
) -> None:
    """The change is published after the states were read, and delivered before they are returned."""

    def slow(users: Any) -> Any:
        states = register_watches(client, "r-here", users)
        there.join(ANN)
        here.deliver()
        return states

    here.watches._call = slow
    here.session.watch(ANN)
    assert here.session.shown == {ANN: True}


def test_all_get_changes_while_a_gateway_of_an_older_release_is_there(here: Gateway, there: Gateway) -> None:
    here.session.watch(ANN)
    there.bus.close()
    there.subscribe(keys.FIRST.gateway_channel("r-there"), keys.ALL, keys.FIRST.rosters)
    here.join(ANN)
    here.join(BEN)
    for gateway in (here, there):
        gateway.deliver()
        assert gateway.received == {ANN: 1, BEN: 1}
    assert here.session.shown == {ANN: True}
    there.bus.close()
    there.subscribe()
    here.leave(ANN)
    there.deliver()
    assert there.received == {ANN: 1, BEN: 1}


def test_one_publication_reaches_all_if_all_watch(client: redis.Redis, here: Gateway, there: Gateway) -> None:
    for gateway in (here, there):
        gateway.session.watch(ANN, BEN)
    client.config_resetstat()
    here.join(ANN)
    stats: Any = client.info("commandstats")
    assert stats["cmdstat_publish"]["calls"] == 1
    for gateway in (here, there):
        gateway.deliver()
        assert gateway.session.shown == {ANN: True, BEN: False}


def test_watches_of_very_many_users(client: redis.Redis, here: Gateway) -> None:
    users = list(range(1, 4501))
    here.session.watch(*users)
    assert len(registered(client)) == 4500
    PresenceChanges(Shard(client), "r-here", saw_epoch=lambda _: None)([(ONLINE, user, 0) for user in users])
    here.deliver()
    assert sum(here.received.values()) == 4500
    here.session.unwatch(*users)
    for _ in range(3):
        here.beat()
    assert registered(client) == {}


USERS = st.integers(1, 3)
GATEWAYS = st.integers(0, 2)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["join", "leave", "watch", "unwatch", "deliver", "beat", "bury", "die", "break", "lose"],
        ),
        GATEWAYS,
        USERS,
    ),
    min_size=12,
    max_size=40,
)


class World:
    """Gateways that come and go. The model: a user is online while a living gateway has a session of theirs."""

    def __init__(self, client: redis.Redis) -> None:
        client.flushall()
        self.redis, self.epoch, self.made = client, 1, 0
        client.set(keys.FIRST.epoch, "1:0")
        self.gateways = [self._make() for _ in range(3)]

    def _make(self) -> Gateway:
        self.made += 1
        return Gateway(self.redis, f"r-{self.made}")

    def act(self, act: str, at: int, user: int) -> None:
        gateway = self.gateways[at]
        if act in ("join", "leave"):
            if (user in gateway.users) == (act == "leave"):
                getattr(gateway, act)(user)
        elif act in ("watch", "unwatch"):
            getattr(gateway.session, act)(user)
        elif act in ("deliver", "beat"):
            gateway.deliver()  # a publication takes less time than passes between two heartbeats
            if act == "beat":
                gateway.beat()
        elif act == "break":
            gateway.lose_subscription()
        elif act == "lose":
            self._lose(gateway, user)
        else:
            self._bury(at, dies=act == "die")

    def _lose(self, gateway: Gateway, user: int) -> None:
        """Redis is empty. A user who leaves before they are registered again leaves without a notice."""
        self.redis.flushall()
        self.epoch += 1
        self.redis.set(keys.FIRST.epoch, f"{self.epoch}:0")
        gateway.leave(user)
        for gateway in self.gateways:
            gateway.register_users()
            gateway.watches.lost()

    def _bury(self, at: int, *, dies: bool) -> None:
        buried, other = self.gateways[at], self.gateways[at - 1]
        self.redis.zadd(keys.FIRST.gateways, {buried.name: 1})
        if dies:
            buried.close()
        other.deliver()
        other.beat()
        if dies:
            self.gateways[at] = self._make()

    def settle(self) -> None:
        """Delivers everything and sends all heartbeats, also the one that reads again after a loss. A gateway that was
        paused may send its heartbeat before it reads the publications of the pause.
        """
        for _ in range(2):
            for gateway in self.gateways:
                gateway.beat()
            for gateway in self.gateways:
                gateway.deliver()
        for gateway in self.gateways:
            if gateway.watches._read_again_at:
                gateway.watches.register_all()

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.close()


@given(acts=ACTS)
@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_watcher_ends_up_right_whatever_happens(client: redis.Redis, acts: list[tuple[str, int, int]]) -> None:
    world = World(client)
    try:
        for act in acts:
            world.act(*act)
        world.settle()
        online = {user for gateway in world.gateways for user in gateway.users}
        for gateway in world.gateways:
            assert gateway.session.shown == {user: user in online for user in gateway.session.shown}
        watched = {
            str(user).encode(): {gateway.name for gateway in world.gateways if user in gateway.session.shown}
            for user in range(1, 4)
        }
        found = {user: set(names.decode().split()) for user, names in registered(client).items()}
        assert found == {user: names for user, names in watched.items() if names}
        for gateway in world.gateways:
            gateway.received.clear()
        world.gateways[0].join(ANN) if ANN not in online else [g.leave(ANN) for g in world.gateways if ANN in g.users]
        for gateway in world.gateways:
            gateway.deliver()
            assert gateway.received == ({ANN: 1} if ANN in gateway.session.shown else {})
    finally:
        world.close()
