"""The limit of joins, in presence.lua."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from app.core.errors import RateLimited
from app.fanout.presence import OFFLINE, ONLINE, PresenceChanges
from app.message_log import keys
from app.message_log.shards import Shard

PER_MINUTE = 4
ANN, BEN = 41, 42
NEW = 1


@pytest.fixture
def gateway(redis_with_epoch: redis.Redis) -> Callable[..., PresenceChanges]:
    def make(name: str, per_minute: int = PER_MINUTE) -> PresenceChanges:
        return PresenceChanges(Shard(redis_with_epoch), name, saw_epoch=lambda _: None, joins_per_minute=per_minute)

    return make


def refused(results: list[object]) -> list[bool]:
    return [isinstance(result, RateLimited) for result in results]


def test_gateways_share_one_bucket_for_each_user(gateway: Callable[..., PresenceChanges]) -> None:
    here, there = gateway("here"), gateway("there")
    joins = [(ONLINE, ANN, 0, NEW)] * (PER_MINUTE - 1)
    assert refused(here([*joins, (ONLINE, BEN, 0, NEW)])) == [False] * PER_MINUTE
    assert refused(there([(ONLINE, ANN, 0, NEW)] * 2)) == [False, True]
    assert refused(there([(ONLINE, BEN, 0, NEW)])) == [False]


def test_refused_join_says_when_to_try_again(
    redis_with_epoch: redis.Redis, gateway: Callable[..., PresenceChanges]
) -> None:
    here = gateway("here")
    *_, last = here([(ONLINE, ANN, 0, NEW)] * (PER_MINUTE + 1))
    assert 1 <= last.extra["retryAfter"] <= 60 / PER_MINUTE
    bucket = keys.rate("joins", str(ANN))
    full_at = int(redis_with_epoch.get(bucket) or 0)
    redis_with_epoch.set(bucket, full_at - 60_000_000 // PER_MINUTE)  # as if a token had been refilled
    assert refused(here([(ONLINE, ANN, 0, NEW)] * 2)) == [False, True]


def test_refused_join_changes_nothing(redis_with_epoch: redis.Redis, gateway: Callable[..., PresenceChanges]) -> None:
    gateway("there")([(ONLINE, ANN, 0, NEW)] * PER_MINUTE)
    here = gateway("here")
    assert refused(here([(ONLINE, ANN, 0, NEW)])) == [True]
    assert redis_with_epoch.hget(keys.FIRST.online, str(ANN)) == b"there"
    assert not redis_with_epoch.exists(keys.FIRST.gateway_users("here"))
    here([(OFFLINE, ANN, 1)])  # the session that was refused leaves
    assert redis_with_epoch.hget(keys.FIRST.online, str(ANN)) == b"there"


def test_only_joins_are_counted(gateway: Callable[..., PresenceChanges]) -> None:
    here = gateway("here")
    assert not any(refused(here([(ONLINE, ANN, 1)] * 20)))  # users whom Redis forgot are registered again
    assert not any(refused(here([(ONLINE, ANN, 0, NEW)] * PER_MINUTE)))


def test_no_limit(redis_with_epoch: redis.Redis, gateway: Callable[..., PresenceChanges]) -> None:
    assert not any(refused(gateway("here", 0)([(ONLINE, ANN, 0, NEW)] * 200)))
    assert not redis_with_epoch.exists(keys.rate("joins", str(ANN)))
