"""Whether Redis forgot who is online here: never said while users only come and go, and always said when it did."""

from __future__ import annotations

from typing import Any

import gevent
import hypothesis.strategies as st
from hypothesis import given

from app.fanout.presence import CAME
from app.transports.presence_registry import PresenceRegistry
from tests.support.own_hub import in_own_hub

USERS = st.integers(1, 6)
# "count" asks as a heartbeat does; what comes before "counted" happens while the answer is on its way.
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["come", "go"]), USERS),
        st.tuples(st.sampled_from(["count", "counted", "yield"]), st.just(0)),
    ),
    max_size=60,
)


class Redis:
    """What presence.lua does of this, with the pause that a round trip is before and behind it."""

    def __init__(self) -> None:
        self.users: set[int] = set()

    def __call__(self, changes: list[Any]) -> list[Any]:
        gevent.sleep(0)
        for act, user, *_ in changes:
            (self.users.add if act == CAME else self.users.discard)(user)
        gevent.sleep(0)
        return [(1, True) for _ in changes]


class World:
    """Users as the hub has them: one coming at a time, and going only after it was asked to come."""

    def __init__(self) -> None:
        self.redis, self.here = Redis(), set[int]()
        self.noted = PresenceRegistry(self.redis, recover=lambda: None)
        self.noted.batcher.start()
        self.count: tuple[int, int] | None = None

    def act(self, act: str, user: int) -> None:
        if act == "come":
            self.here.add(user)
            self.noted.batcher.submit(
                (CAME, user), lambda _result, _error: None
            )  # what ``mark_online`` does, and waits
        elif act == "go" and user in self.here:
            self.here.discard(user)
            self.noted.mark_offline(user)
        elif act == "count":
            self.count = (self.noted.confirmed_count(), len(self.redis.users))
        elif act == "counted" and self.count is not None:
            certain, counted = self.count
            assert not self.noted.is_behind(counted, certain)
        elif act == "yield":
            gevent.sleep(0)

    def settle(self) -> None:
        while len(self.noted):
            gevent.sleep(0)
        for _ in range(4):  # the round trip of the last batch
            gevent.sleep(0)


@given(acts=ACTS)
@in_own_hub
def test_who_comes_and_goes_is_not_forgotten(acts: list[tuple[str, int]]) -> None:
    world = World()
    for act, user in acts:
        world.act(act, user)
    world.settle()
    assert world.redis.users == world.here
    assert not world.noted.is_behind(len(world.redis.users), world.noted.confirmed_count())
    world.noted.batcher.stop()


@given(acts=ACTS, lost=st.integers(1, 6))
@in_own_hub
def test_a_loss_is_seen(acts: list[tuple[str, int]], lost: int) -> None:
    world = World()
    for act, user in acts:
        world.act(act, user)
    world.settle()
    if world.here:
        for user in sorted(world.here)[:lost]:
            world.redis.users.discard(user)
        assert world.noted.is_behind(len(world.redis.users), world.noted.confirmed_count())
        told: list[bool] = []
        world.noted.reregister(sorted(world.here), lambda: told.append(True))
        world.settle()
        assert told == [True]
        assert world.redis.users == world.here
    world.noted.batcher.stop()
