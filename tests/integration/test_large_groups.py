"""A large group: every online member gets every message once, at every gateway, no matter what connects and
disconnects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.message_log import keys
from tests.models.large_groups_model import FILLERS, GATEWAYS, GROUP, OLD, OWNER, World

NAMES, USERS = st.sampled_from(GATEWAYS), st.sampled_from([OWNER, 2, 3, 4, 1001])
OTHERS = st.sampled_from([2, 3, 4, 1001])
NEW = st.sampled_from(GATEWAYS[:2])


def step(act: Callable[..., None], *arguments: Any) -> Any:
    return st.tuples(st.just(act), st.tuples(*arguments))


STEPS = st.one_of(
    step(World.join, NAMES, USERS),
    step(World.join, NAMES, USERS),
    step(World.leave, NAMES, USERS),
    step(World.send),
    step(World.react),
    step(lambda world: world.send(quotes=True)),
    step(lambda world: world.send(quotes=True, shadow=True)),
    step(World.remove_between_messages, OTHERS),
    step(World.add_between_messages, OTHERS),
    step(World.clear, USERS),
    step(World.shrink),
    step(World.grow),
    step(World.change_by_old_release, OTHERS),
    step(World.expire),
    step(World.lose_index),
    step(World.die, NAMES),
    step(World.lose_data),
    step(World.go_deaf, NEW),
    step(World.hear_again, NEW),
    step(World.deliver),
)


@given(steps=st.lists(STEPS, min_size=5, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_online_member_misses_anything(redis_client: Redis, steps: list[tuple[Callable[..., None], Any]]) -> None:
    world = World(redis_client)
    try:
        for act, arguments in steps:
            act(world, *arguments)
            world.send()
            world.check()
        for name in GATEWAYS[:2]:
            world.hear_again(name)
        world.send()
        world.check()
    finally:
        world.close()


@pytest.fixture
def world(redis_client: Redis) -> Any:
    made = World(redis_client)
    yield made
    made.close()
    redis_client.flushall()


def test_message_names_no_members(world: World) -> None:
    for user in (2, 3, 1001):
        world.join("r-one", user)
    world.send()
    world.deliver()
    sent: list[bytes] = []
    world.gateways["r-one"].take = sent.append  # type: ignore[method-assign]
    world.send()
    world.deliver()
    assert len(sent) == 1
    assert len(sent[0]) < 80


def test_only_gateways_that_hold_a_member_are_signalled(world: World) -> None:
    world.join("r-one", 2)
    world.join("r-two", 77)  # not a member
    world.send()
    world.deliver()
    sent: list[bytes] = []
    world.gateways["r-two"].take = sent.append  # type: ignore[method-assign]
    world.send()
    world.deliver()
    assert not sent
    assert world.redis.hgetall(keys.FIRST.counts(GROUP)).keys() == {b"#build", b"#others", b"#lists", b"r-one"}  # type: ignore[union-attr]


def test_coming_and_going_does_not_void_the_counts(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    build = world.redis.hget(keys.FIRST.counts(GROUP), "#build")
    for user in (3, 1001, 77):
        world.join("r-two", user)
        world.send()
        world.leave("r-two", user)
        world.send()
    world.check()
    assert world.redis.hget(keys.FIRST.counts(GROUP), "#build") == build


def test_presence_of_the_release_before_voids_the_counts(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    world.join(OLD, 3)
    world.send()
    world.check()
    assert world.gateways[OLD].clients[3].seen


def test_gateway_that_was_taken_for_dead_has_no_rosters(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    world.bury("r-one")
    assert len(world.gateways["r-one"].hub.rosters) == 0
    world.register_again("r-one")
    world.send()
    world.check_rosters()


def test_gateway_without_its_rosters_reads_the_store(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    world.go_deaf("r-one")
    world.send()
    world.hear_again("r-one", asks=False)
    world.send()
    world.check()
    world.hear_again("r-one")
    world.check()
    assert world.gateways["r-one"].hub.rosters.complete


def test_index_is_made_anew_after_a_week(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    world.redis.hset(keys.FIRST.conversation(GROUP), mapping={"n": 1, "x": 1})
    world.redis.hset(keys.FIRST.log_state, "stored", world.last_version())
    world.send()
    world.check()
    assert int(world.redis.hget(keys.FIRST.conversation(GROUP), "n") or 0) > 1  # type: ignore[arg-type]


def test_very_large_group_without_its_index_is_hydrated_again(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.models.large_groups_model.FILLERS", range(1001, 13_001))
    world = World(redis_client)
    world.join("r-one", 2)
    world.send()
    world.lose_index()
    redis_client.hset(keys.FIRST.log_state, "stored", world.last_version())
    world.send()
    world.check()
    assert world.gateways["r-one"].clients[2].seen
    world.close()


def test_very_large_group_has_no_list(redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.models.large_groups_model.FILLERS", range(1001, 13_001))
    world = World(redis_client)
    assert redis_client.hget(keys.FIRST.conversation(GROUP), "m") == b"\xdd\0\0\0\0"
    for name, user in (("r-one", 2), ("r-two", 12_000), (OLD, 4)):
        world.join(name, user)
    for act in (world.remove_between_messages, world.add_between_messages):
        for user in (2, 12_000, 4):
            act(user)
            world.send(quotes=True)
            world.check()
    world.close()


def test_group_that_shrinks_lists_its_members(world: World) -> None:
    world.join("r-one", 2)
    world.send()
    assert world.redis.exists(keys.FIRST.members(GROUP))
    world.shrink()
    assert not world.redis.exists(keys.FIRST.members(GROUP), keys.FIRST.counts(GROUP))
    world.send()
    world.grow()
    world.send()
    world.check()
    assert world.redis.exists(keys.FIRST.members(GROUP))
    assert len(FILLERS) == 100
