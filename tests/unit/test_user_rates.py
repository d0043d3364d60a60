"""A gateway lets acts through from its local tokens, and requests more in time."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest

from app.core.errors import Overloaded, ParleyError, RateLimited
from app.gateway.waiting import blocking_acquire
from app.services.messaging import user_rates
from app.services.messaging.user_rates import HOLD_SECONDS, TokenGrant, TokenRequest, UserRate
from tests.support.own_hub import in_own_hub

USER = 7


class Redis:
    """Keeps the requests until the test answers them."""

    def __init__(self) -> None:
        self.requested: list[tuple[TokenRequest, Callable[[TokenGrant | None, ParleyError | None], None]]] = []
        self.now = 1000.0
        self.units: list[int] = []

    def submit(self, ask: TokenRequest, outcome: Callable[[TokenGrant | None, ParleyError | None], None]) -> None:
        self.requested.append((ask, outcome))

    def grant(self, granted: int | None = None, wait: float = 0.0) -> int:
        """Answers the oldest request in full or with ``granted``. Returns the requested number."""
        ask, outcome = self.requested.pop(0)
        paid = ask.rate.debt(ask.local, ask.wanted)
        outcome(TokenGrant(paid, ask.wanted if granted is None else granted, wait, self.now), None)
        return ask.wanted

    def fail(self) -> None:
        self.requested.pop(0)[1](None, Overloaded())


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def rate(redis: Redis) -> UserRate:
    """50 per second, burst 512: chunks of 32, the next one requested at 8, and 8 on credit."""
    return UserRate("test", 50.0, 512, redis.submit, clock=lambda: redis.now)


def taken(rate: UserRate, limit: int = 10_000) -> int:
    return next((n for n in range(limit) if not rate.try_acquire(USER)), limit)


def test_first_acts_use_credit_and_the_next_waits_for_the_grant(rate: UserRate, redis: Redis) -> None:
    assert taken(rate) == rate.credit == 8
    assert len(redis.requested) == 1
    outcomes: list[ParleyError | None] = []
    rate.on_granted(USER, outcomes.append)
    assert outcomes == []
    assert redis.grant() == rate.chunk
    assert outcomes == [None]


def test_next_chunk_is_requested_once_before_the_last_token_is_used(rate: UserRate, redis: Redis) -> None:
    rate.try_acquire(USER)
    redis.grant()
    for _ in range(24):
        assert rate.try_acquire(USER)
    assert redis.requested == []
    for _ in range(4):
        assert rate.try_acquire(USER)
    assert len(redis.requested) == 1
    assert redis.grant() == 24
    assert redis.requested == []


def test_waiting_acts_proceed_in_order_as_far_as_the_tokens_reach(rate: UserRate, redis: Redis) -> None:
    order: list[tuple[int, ParleyError | None]] = []
    for number in range(50):
        rate.acquire(USER, lambda error, number=number: order.append((number, error)))  # type: ignore[misc]
    assert len(order) == 8
    redis.grant(10)
    redis.grant(0, wait=0.5)
    assert [number for number, _ in order] == list(range(50))
    refused = [number for number, error in order if error is not None]
    # 8 on credit, which are paid; 10 granted; 8 on credit during the second request
    assert refused == list(range(26, 50))


def test_refusal_gives_the_wait_and_no_request_is_made_before_it_ends(rate: UserRate, redis: Redis) -> None:
    taken(rate)
    rate.on_granted(USER, lambda _error: None)
    redis.grant(0, wait=0.25)
    redis.now += 0.1
    for _ in range(100):
        with pytest.raises(RateLimited) as caught:
            rate.try_acquire(USER)
        assert caught.value.extra["retryAfter"] == pytest.approx(0.15, abs=0.001)
    assert redis.requested == []
    redis.now += 0.15
    assert rate.try_acquire(USER)
    assert len(redis.requested) == 1


def test_sustained_rate_continues_without_redis(rate: UserRate, redis: Redis) -> None:
    done = 0
    waits: list[float] = []
    for _ in range(1000):
        redis.now += 0.01
        try:
            done += rate.try_acquire(USER)
        except RateLimited as error:
            waits.append(error.extra["retryAfter"])
        if redis.requested:
            redis.fail()
    assert 0 < max(waits) <= rate.chunk / 50
    assert 500 - rate.chunk <= done <= 500 + rate.chunk + rate.credit


def test_unused_tokens_are_given_back(rate: UserRate, redis: Redis) -> None:
    rate.try_acquire(USER)
    redis.grant()
    rate.release_expired()
    assert len(rate) == 1
    redis.now += HOLD_SECONDS
    rate.release_expired()
    assert len(rate) == 0
    ((ask, _),) = redis.requested
    assert ask.wanted == 0
    assert rate.debt(ask.local, ask.wanted) == -32


def test_number_of_users_kept_is_bounded(rate: UserRate, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_rates, "KEPT", 10)
    for user in range(100):
        rate.try_acquire(user)
        while redis.requested:
            redis.grant()
    assert len(rate) == 10
    for user in range(100, 200):
        rate.try_acquire(user)  # no answer: these users stay until there is one
    assert 10 < len(rate) <= 110


def test_without_a_limit_no_request_is_made(redis: Redis) -> None:
    rate = UserRate("test", 0, 500, redis.submit)
    assert taken(rate) == 10_000
    assert redis.requested == []
    assert len(rate) == 0


@in_own_hub
def test_blocking_caller_waits_for_the_grant(rate: UserRate, redis: Redis) -> None:
    taken(rate)
    waiting = [gevent.spawn(blocking_acquire(rate), USER) for _ in range(2)]
    gevent.sleep(0)
    assert not any(greenlet.ready() for greenlet in waiting)
    redis.grant(0, wait=1.0)
    gevent.joinall(waiting, timeout=5)
    assert [type(greenlet.exception) for greenlet in waiting] == [RateLimited] * 2
    redis.now += 1.0
    blocking_acquire(rate)(USER)


def test_small_burst_has_small_chunks(redis: Redis) -> None:
    rate = UserRate("test", 5.0, 30, redis.submit)
    assert (rate.chunk, rate.credit) == (1, 1)
    assert rate.try_acquire(USER)
    assert redis.grant() == 1
    assert rate.try_acquire(USER)
    assert redis.requested == []
