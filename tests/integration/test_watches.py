"""Changes of presence go only to gateways with a session that watches the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from app.fanout.presence import ONLINE, PresenceChanges, send_heartbeat, sign_off
from app.fanout.watches import register_watches
from app.message_log import keys
from app.message_log.shards import Shard
from tests.support.watching import Gateway, registered

ANN, BEN, EVE = 1, 2, 3


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
