"""One limit per user over many gateways: a user never gets more than allowed, nor less than due."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import ParleyError
from app.redis_scripts import script
from app.services.messaging.user_rates import HOLD_SECONDS, TakeTokens, TokenGrant, TokenRequest, UserRate

USER = 7
MAX_ANSWER_US = 80_000
# The real script, under a clock that the test sets. Keys do not expire, since the test's clock is not Redis's.
CLOCK = """
local real = redis
local redis = {call = function(name, key, value, ...)
    if name == 'TIME' then
        local now = tonumber(real.call('GET', 'clock'))
        return {math.floor(now / 1000000), now % 1000000}
    elseif name == 'SET' then
        return real.call('SET', key, value)
    elseif value then
        return real.call(name, key, value, ...)
    end
    return real.call(name, key)
end}
"""


class World:
    """Gateways, one Redis, and a clock in whole microseconds."""

    def __init__(self, client: redis.Redis, gateways: int, rate: float, burst: int) -> None:
        client.flushall()
        self.client = client
        self.now_us = 10**12
        self.rate, self.burst = rate, burst
        take = TakeTokens(client, clock=self.clock)
        take._script = script(client, "app.message_log", "take_tokens", after="token_bucket", constants=CLOCK)
        self.gateways = [Gateway(self, take) for _ in range(gateways)]
        self.done: list[float] = []
        self.refused: list[float] = []

    @property
    def slack(self) -> int:
        one = self.gateways[0].rate
        return len(self.gateways) * (one.chunk + one.credit)

    def clock(self) -> float:
        return self.now_us / 1e6

    def act(self, gateway: int) -> None:
        def record_outcome(error: ParleyError | None) -> None:
            if error is None:
                self.done.append(self.clock())
            else:
                self.refused.append(error.extra["retryAfter"])

        self.gateways[gateway].rate.acquire(USER, record_outcome)

    def pass_time(self, us: int) -> None:
        self.now_us += us
        for gateway in self.gateways:
            gateway.rate.release_expired()

    def settle(self) -> None:
        while any(gateway.asks or gateway.answers for gateway in self.gateways):
            for gateway in self.gateways:
                gateway.reach_redis()
                gateway.receive_answers()


class Gateway:
    def __init__(self, world: World, take: TakeTokens) -> None:
        self._world, self._take = world, take
        self.rate = UserRate("test", world.rate, world.burst, self.submit, clock=world.clock)
        self.asks: list[tuple[TokenRequest, Callable[[TokenGrant | None, ParleyError | None], None]]] = []
        self.answers: list[tuple[Callable[[TokenGrant | None, ParleyError | None], None], TokenGrant]] = []

    def submit(self, ask: TokenRequest, outcome: Callable[[TokenGrant | None, ParleyError | None], None]) -> None:
        self.asks.append((ask, outcome))

    def reach_redis(self) -> None:
        """Sends one batch at a time, as a batcher does."""
        if self.asks and not self.answers:
            asks, self.asks = self.asks, []
            self._world.client.set("clock", self._world.now_us)
            given = self._take([ask for ask, _ in asks])
            self.answers = [(outcome, answer) for (_, outcome), answer in zip(asks, given, strict=True)]

    def receive_answers(self) -> None:
        answers, self.answers = self.answers, []
        for outcome, answer in answers:
            outcome(answer, None)


class Step(NamedTuple):
    what: str
    gateway: int
    amount: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["act", "act", "act", "redis", "answer", "settle", "pass", "long"]),
        st.integers(0, 3),
        st.integers(1, 40),
    ),
    max_size=60,
)
SETUPS = st.tuples(st.integers(1, 4), st.sampled_from([5.0, 50.0, 100.0]), st.sampled_from([30, 100, 500]))
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def play(world: World, steps: list[Step], may_act: Callable[[], bool]) -> None:
    """Runs the steps. They decide how long an answer takes, up to MAX_ANSWER_US."""
    for what, number, amount in steps:
        gateway = world.gateways[number % len(world.gateways)]
        if what == "act":
            for _ in range(amount):
                if may_act():
                    world.act(number % len(world.gateways))
        elif what == "redis":
            gateway.reach_redis()
        elif what == "answer":
            gateway.receive_answers()
        elif what == "settle":
            world.settle()
        elif what == "pass":
            world.pass_time(amount * MAX_ANSWER_US // 40)
            world.settle()
        else:
            world.settle()
            world.pass_time(amount * int(HOLD_SECONDS * 100_000))
    world.settle()


@given(setup=SETUPS, steps=STEPS)
@SLOW
def test_acts_never_exceed_burst_and_rate(
    redis_client: redis.Redis, setup: tuple[int, float, int], steps: list[Step]
) -> None:
    world = World(redis_client, *setup)
    play(world, steps, lambda: True)
    for first, start in enumerate(world.done):
        for last in range(first, len(world.done)):
            allowed = world.burst + world.rate * (world.done[last] - start) + world.slack
            assert last - first + 1 <= allowed + 1e-3
    assert all(wait > 0 for wait in world.refused)


@given(setup=SETUPS, steps=STEPS)
@SLOW
def test_user_within_the_rate_is_never_refused(
    redis_client: redis.Redis, setup: tuple[int, float, int], steps: list[Step]
) -> None:
    world = World(redis_client, *setup)
    capacity = world.burst - world.slack - world.rate * MAX_ANSWER_US / 1e6  # waiting acts count when they are answered
    have, since = float(capacity), world.now_us
    acts = 0

    def may_act() -> bool:
        nonlocal have, since, acts
        have, since = min(capacity, have + world.rate * (world.now_us - since) / 1e6), world.now_us
        if have < 1.001:
            return False
        have -= 1
        acts += 1
        return True

    play(world, steps, may_act)
    assert world.refused == []
    assert len(world.done) == acts


def test_user_far_over_the_rate_gets_the_rate(redis_client: redis.Redis) -> None:
    world = World(redis_client, 3, 50.0, 100)
    for turn in range(2000):
        world.act(turn % 3)
        world.now_us += 5_000  # 200 a second
        world.settle()
    assert 100 + 500 - 5 <= len(world.done) <= 100 + 500 + world.slack
    assert len(world.done) + len(world.refused) == 2000


def test_act_after_the_stated_wait_is_let_through(redis_client: redis.Redis) -> None:
    world = World(redis_client, 2, 5.0, 30)
    for turn in range(100):
        world.act(turn % 2)
        world.settle()
    for gateway in (0, 1, 0, 1):
        world.refused.clear()
        while not world.refused:
            world.act(gateway)
            world.settle()
        world.now_us += int(world.refused[-1] * 1e6)
        done = len(world.done)
        world.act(gateway)
        world.settle()
        assert len(world.done) == done + 1


def test_script_uses_the_redis_clock_and_its_keys_expire(redis_client: redis.Redis) -> None:
    redis_client.flushall()
    take = TakeTokens(redis_client)
    rate = UserRate("test", 10.0, 20, lambda _ask, _outcome: None)
    grant = rate._begin(USER)
    (first,) = take([TokenRequest(rate, USER, grant, 15)])
    (second,) = take([TokenRequest(rate, USER, grant, 15)])
    (third,) = take([TokenRequest(rate, USER, grant, 1)])
    assert (first.granted, second.granted, third.granted) == (15, 5, 0)
    assert 0 < third.wait <= 0.1
    (key,) = redis_client.keys("*")
    assert 0 < redis_client.pttl(key) <= 2000  # type: ignore[operator]
    grant.left = 20
    take([TokenRequest(rate, USER, grant, 0)])
    assert redis_client.keys("*") == []


@pytest.mark.parametrize("count", [1, 100])
def test_many_users_are_served_in_one_call(redis_client: redis.Redis, count: int) -> None:
    redis_client.flushall()
    rate = UserRate("test", 10.0, 100, lambda _ask, _outcome: None)
    given_ = TakeTokens(redis_client)(
        [TokenRequest(rate, user, rate._begin(user), user % 5 + 1) for user in range(count)]
    )
    assert [answer.granted for answer in given_] == [user % 5 + 1 for user in range(count)]
