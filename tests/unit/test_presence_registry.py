"""Detects whether Redis lost users who are online here: no false alarm while users connect and disconnect, and no
missed loss.
"""

from __future__ import annotations

from typing import Any

import gevent
import hypothesis.strategies as st
from hypothesis import given

from app.core.errors import RateLimited
from app.fanout.presence import ONLINE
from app.gateway.presence_registry import PresenceRegistry
from tests.support.own_hub import in_own_hub

TOO_OFTEN = "too often"  # marks a join that Redis refuses
USERS = st.integers(1, 6)
# "count" reads the counts as a heartbeat does; acts between it and "counted" happen while the reply is under way.
ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["come", "go", "come too often"]), USERS),
        st.tuples(st.sampled_from(["count", "counted", "yield"]), st.just(0)),
    ),
    max_size=60,
)


class Redis:
    """Mimics presence.lua for this purpose, with the pauses of a round trip before and after."""

    def __init__(self) -> None:
        self.users: set[int] = set()

    def __call__(self, changes: list[Any]) -> list[Any]:
        gevent.sleep(0)
        results: list[Any] = []
        for act, user, *more in changes:
            if TOO_OFTEN in more:
                results.append(RateLimited())
                continue
            (self.users.add if act == ONLINE else self.users.discard)(user)
            results.append((1, True))
        gevent.sleep(0)
        return results


class World:
    """Users as the hub has them: they arrive one at a time and leave only after they were marked online."""

    def __init__(self) -> None:
        self.redis, self.here = Redis(), set[int]()
        self.noted = PresenceRegistry(self.redis, recover=lambda: None)
        self.noted.batcher.start()
        self.count: tuple[int, int] | None = None

    def act(self, act: str, user: int) -> None:
        if act == "come":
            self.here.add(user)
            self.noted.batcher.submit(
                (ONLINE, user, 0), lambda _result, _error: None
            )  # what ``mark_online`` does, without waiting
        elif act == "come too often":
            self.noted.batcher.submit((ONLINE, user, 0, TOO_OFTEN), lambda _result, _error: self._turned_away(user))
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

    def _turned_away(self, user: int) -> None:
        if user not in self.here:
            self.noted.mark_offline(user)

    def settle(self) -> None:
        while len(self.noted):
            gevent.sleep(0)
        for _ in range(4):  # the round trip of the last batch
            gevent.sleep(0)


@given(acts=ACTS)
@in_own_hub
def test_connecting_and_disconnecting_is_not_taken_for_a_loss(acts: list[tuple[str, int]]) -> None:
    world = World()
    for act, user in acts:
        world.act(act, user)
    world.settle()
    assert world.redis.users == world.here
    assert not world.noted.is_behind(len(world.redis.users), world.noted.confirmed_count())
    world.noted.batcher.stop()


@given(acts=ACTS, lost=st.integers(1, 6))
@in_own_hub
def test_users_lost_by_redis_are_registered_again(acts: list[tuple[str, int]], lost: int) -> None:
    world = World()
    for act, user in acts:
        world.act(act, user)
    world.settle()
    if world.here:
        for user in sorted(world.here)[:lost]:
            world.redis.users.discard(user)
        assert world.noted.is_behind(len(world.redis.users), world.noted.confirmed_count())
        world.noted.reregister(sorted(world.here))
        world.settle()
        assert world.redis.users == world.here
    world.noted.batcher.stop()
