"""The tails of many conversations: all waiting records are found, by few commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from app.message_log import keys
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.message_log.tails import read_tail
from tests.twins.log_contract import ANN, BEN, EPOCH, Log, begin, message, state

FIRST = 1000


@pytest.fixture(scope="module")
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, socket_timeout=10, protocol=2) as made:
        yield made


def waiting(redis: Redis, conversations: set[int]) -> None:
    """Leaves one unstored message in each."""
    redis.flushall()
    begin(redis)
    for conversation in conversations:
        assert hydrate(Shard(redis), EPOCH, state(conversation, [ANN, BEN]))
    Log(redis).append([message(ANN, f"id{conversation}", conversation) for conversation in sorted(conversations)])


def commands(redis: Redis) -> int:
    """Returns how many commands Redis has carried out, those within scripts included."""
    return sum(row["calls"] for row in redis.info("commandstats").values())


@given(
    size=st.integers(1, 2100),
    picks=st.sets(st.integers(0, 2099), max_size=12),
    streams=st.sets(st.integers(0, 2099), max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_tail_and_stream_is_found(redis: Redis, size: int, picks: set[int], streams: set[int]) -> None:
    waiting(redis, {FIRST + pick for pick in picks})
    for number in streams:
        redis.zadd(keys.FIRST.streams, {f"{FIRST + number}:1": 1})
        redis.sadd(f"{keys.PREFIX}so:{FIRST + number}", 1)
    tail = read_tail(Shard(redis), range(FIRST, FIRST + size))
    assert [record.conversation_id for record in tail.records] == [FIRST + n for n in sorted(picks) if n < size]
    assert sorted(tail.streams) == [(FIRST + n, 1) for n in sorted(streams) if n < size]


@pytest.mark.parametrize("size", [1, 500, 5000])
def test_resume_of_many_conversations_takes_few_commands(redis: Redis, size: int) -> None:
    """Before, it took two commands for each conversation."""
    waiting(redis, {FIRST + size // 3})
    read_tail(Shard(redis), [FIRST])  # loads the script
    before = commands(redis)
    assert len(read_tail(Shard(redis), range(FIRST, FIRST + size)).records) == 1
    assert commands(redis) - before <= 30
