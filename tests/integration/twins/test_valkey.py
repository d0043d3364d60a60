"""Valkey with the Lua scripts passes the tests that its in-memory twin passes, and both decide alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.core.kinds import Kind
from app.message_log.append import AppendLimits, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.message_log.tails import read_tail
from tests.twins.log_contract import ANN, BEN, CYD, EPOCH, EVE, GROUP, PAIR, Log, LogContract, begin, message, state
from tests.twins.memory_redis import MemoryRedis
from tests.twins.redis_contract import RedisContract


@pytest.fixture(scope="module")
def client(redis_url: str) -> Iterator[Redis]:
    """Protocol 2, as the listener uses it."""
    with Redis.from_url(redis_url, socket_timeout=10, protocol=2) as made:
        yield made


@pytest.fixture
def redis(client: Redis) -> Redis:
    client.flushall()
    return client


class TestCommands(RedisContract):
    @staticmethod
    def cut_subscriptions(redis: Any) -> None:
        redis.client_kill_filter(_type="pubsub")


class TestLog(LogContract):
    pass


USERS = st.sampled_from([ANN, BEN, CYD, EVE])
PLACES = st.sampled_from([PAIR, GROUP, 404])
MARKS = st.sampled_from([Kind.DELIVERED, Kind.READ])
APPENDS = st.one_of(
    st.builds(message, USERS, st.sampled_from("abcdef"), PLACES),
    st.builds(Operation, MARKS, PLACES, USERS, st.integers(0, 8)),
)
# Either a batch of appends, or the number of entries that a drain takes.
STEPS = st.lists(st.one_of(st.lists(APPENDS, min_size=1, max_size=6), st.integers(1, 3)), max_size=12)


@given(steps=STEPS, max_records=st.sampled_from([3, 1000]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_twin_decides_as_valkey_does(client: Redis, steps: list[Any], max_records: int) -> None:
    client.flushall()
    assert outcome(MemoryRedis(), steps, max_records) == outcome(client, steps, max_records)


def outcome(redis: Any, steps: list[Any], max_records: int) -> list[Any]:
    """Returns every decision and every tail, without versions and times."""
    begin(redis)
    hydrate(Shard(redis), EPOCH, state(PAIR, [ANN, BEN]))
    hydrate(Shard(redis), EPOCH, state(GROUP, [ANN, BEN, CYD]))
    log = Log(redis, AppendLimits(max_records, 1_000_000, 600))
    seen: list[Any] = []
    for step in steps:
        if isinstance(step, int):
            log.reader.remove(log.reader.take(step, 0)[1], {})
        else:
            seen.append([decision[:2] for decision in log.append(step)])
        records = read_tail(Shard(redis), [PAIR, GROUP]).records
        seen.append([(r.kind, r.conversation_id, r.seq, r.user_id, r.id, r.body, r.gateway) for r in records])
    return seen
