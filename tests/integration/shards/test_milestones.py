"""Milestones in a real Redis: who gets one, where it is, and that later versions are greater.

Shard 1 is idle: its last version is hours ago. The clock of shard 0 was an hour ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from app.core.kinds import Kind
from app.core.position import CLOCK_MARGIN_US, MILESTONE_BITS
from app.core.records import unpack
from app.fanout.milestones import Milestones
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges
from app.message_log.history import History
from app.message_log.shards import Shard
from app.message_log.split_shard import prepare_child
from tests.factories.store import add_users
from tests.integration.shards.two_shards import TwoShards

MILESTONE = 1 << MILESTONE_BITS
HOUR_US = 3_600_000_000
ANN, BEN, EVE = 1, 2, 3


def now_us(client: redis.Redis) -> int:
    seconds, microseconds = client.time()  # type: ignore[misc]
    return int(seconds) * 1_000_000 + int(microseconds)


def kept(shard: Shard) -> int:
    return int(shard.redis.get(shard.keys.milestone) or 0)  # type: ignore[arg-type]


def changes(shard: Shard, gateway: str = "here") -> PresenceChanges:
    return PresenceChanges(shard, gateway, saw_epoch=lambda _: None)


def join(shard: Shard, *users: int, gateway: str = "here") -> int:
    """Returns the position of sessions that join."""
    version, _ = changes(shard, gateway)([(ONLINE, user, 0, 1) for user in users])[-1]
    return int(version)


class Idle:
    def __init__(self, two: TwoShards) -> None:
        self.two, self.ahead, self.shard = two, *two.shards
        self.old = now_us(two.client) - 5 * HOUR_US - 1
        two.client.set(self.shard.keys.version, self.old)
        self.bus = two.client.pubsub(ignore_subscribe_messages=True)
        self.bus.subscribe(*(shard.keys.gateway_channel("here") for shard in two.shards))

    def asked(self, shard: Shard, *users: int) -> list[tuple[list[int], int]]:
        """Asks for a milestone. Returns the users and the versions of the notices."""
        Milestones(shard, "here")(list(users))
        return [(got, record[1]) for got, record in self.published() if record[0] == Kind.MILESTONE]

    def published(self) -> list[Any]:
        self.bus.ping()
        items: list[Any] = []
        while True:
            message = self.bus.get_message(timeout=5)
            if message and message["type"] == "pong":
                return items
            if message and message["type"] == "message":
                items += unpack(message["data"])[1]


@pytest.fixture
def idle(two: TwoShards) -> Iterator[Idle]:
    world = Idle(two)
    yield world
    world.bus.close()


def test_session_that_joins_an_idle_shard_begins_at_a_milestone(idle: Idle) -> None:
    before = now_us(idle.two.client)
    position = join(idle.shard, ANN)
    assert not position % MILESTONE
    assert before - CLOCK_MARGIN_US - MILESTONE <= position <= now_us(idle.two.client) - CLOCK_MARGIN_US
    assert kept(idle.shard) == position
    assert int(idle.shard.redis.get(idle.shard.keys.version) or 0) == idle.old  # type: ignore[arg-type]


def test_session_that_joins_a_busy_shard_begins_at_its_last_version(idle: Idle) -> None:
    version = int(idle.ahead.redis.get(idle.ahead.keys.version) or 0)  # type: ignore[arg-type]
    assert join(idle.ahead, ANN) == version
    assert not kept(idle.ahead)


def test_registration_and_departure_pass_no_milestone(idle: Idle) -> None:
    assert changes(idle.shard)([(ONLINE, ANN, 1)]) == [(idle.old, True)]
    assert changes(idle.shard)([(OFFLINE, ANN, 5)]) == [(idle.old, True)]
    assert not kept(idle.shard)


def test_milestone_comes_to_those_whom_redis_has_at_this_gateway(idle: Idle) -> None:
    join(idle.shard, ANN)
    join(idle.shard, BEN, gateway="there")
    join(idle.shard, BEN, EVE)
    changes(idle.shard)([(OFFLINE, EVE, 5)])
    idle.published()
    ((users, version),) = idle.asked(idle.shard, ANN, BEN, EVE, 99)
    assert users == [ANN, BEN]
    assert version == kept(idle.shard)
    assert idle.asked(idle.shard, EVE, 99) == []


def test_milestone_of_a_busy_shard_is_before_its_last_version(idle: Idle) -> None:
    version = join(idle.ahead, ANN)
    ((_, milestone),) = idle.asked(idle.ahead, ANN)
    assert milestone == version - version % MILESTONE
    assert not kept(idle.ahead)


def test_next_version_is_beyond_the_milestone_even_if_the_clock_was_set_back(idle: Idle) -> None:
    (ann,) = add_users(idle.two.engine, 1)
    room = idle.two.direct(1, ann)
    later = (now_us(idle.two.client) + HOUR_US) // MILESTONE * MILESTONE
    idle.shard.redis.set(idle.shard.keys.milestone, later)
    assert join(idle.shard, ann) == later
    assert [version for _, version in idle.asked(idle.shard, ann)] == [later]
    idle.two.say(room, ann, "after it")
    assert int(idle.shard.redis.get(idle.shard.keys.version) or 0) == later + 1  # type: ignore[arg-type]


def test_resume_at_a_milestone_brings_what_came_after_it(idle: Idle) -> None:
    (ann,) = add_users(idle.two.engine, 1)
    room = idle.two.direct(1, ann)
    position = join(idle.shard, ann)
    assert idle.two.replay(1, ann, position) == []
    sent = idle.two.say(room, idle.two.other(room, ann), "after")
    (event,) = [event for event in idle.two.replay(1, ann, position) if event.name == "receive_message"]
    assert sent.encode() in event.data


def test_milestone_hides_no_redis_that_came_back_older(idle: Idle) -> None:
    history = History(lambda: 0, idle.shard.keys)
    assert not history.is_behind(idle.two.client)
    history.saw(idle.two.epoch, idle.old + 10)  # a record that this Redis does not have
    history.run = "0" * 40
    join(idle.shard, ANN)
    idle.asked(idle.shard, ANN)
    assert history.is_behind(idle.two.client)


def test_shard_that_is_split_off_goes_on_beyond_the_milestone(idle: Idle) -> None:
    position = join(idle.shard, ANN)
    child = idle.ahead
    prepare_child(idle.shard, child, idle.two.epoch)
    assert int(child.redis.get(child.keys.version) or 0) == position  # type: ignore[arg-type]


def test_one_shard_has_no_milestones(redis_client: redis.Redis) -> None:
    redis_client.flushall()
    one = Shard(redis_client)
    redis_client.set(one.keys.epoch, "1:0")
    redis_client.set(one.keys.version, 7)
    assert join(one, ANN) == 7
    assert not redis_client.exists(one.keys.milestone)
