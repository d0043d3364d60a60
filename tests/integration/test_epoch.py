"""A new epoch begins once, even if several processes begin it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from app.core.errors import Overloaded
from app.message_log import keys
from app.message_log.epoch import Epoch, begin_epoch, read_epoch
from app.message_log.shards import Shard


class Counter:
    """Counts up under a lock, as Postgres does, and rolls back if the block fails."""

    def __init__(self) -> None:
        self.number = 4
        self.lock = threading.Lock()

    @contextmanager
    def next(self) -> Iterator[tuple[int, int]]:
        with self.lock:
            yield self.number + 1, 0
            self.number += 1


@pytest.fixture
def empty(redis_client: redis.Redis) -> redis.Redis:
    redis_client.flushall()
    return redis_client


def test_epoch_begins_and_other_processes_join_it(empty: redis.Redis) -> None:
    counter = Counter()
    assert begin_epoch(Shard(empty), counter.next).number == 5
    assert begin_epoch(Shard(empty), counter.next).number == 5
    assert counter.number == 5


def test_simultaneous_begins_make_one_epoch(empty: redis.Redis, redis_url: str) -> None:
    counter, found, late = Counter(), [], []

    def begin() -> None:
        with redis.Redis.from_url(redis_url) as client:
            try:
                found.append(begin_epoch(Shard(client), counter.next))
            except Overloaded:
                late.append(1)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counter.number == 5
    assert {epoch.number for epoch in found} == {5}
    assert len(found) + len(late) == 8
    assert read_epoch(Shard(empty)) == found[0]


def test_earlier_epoch_never_replaces_a_later_one(empty: redis.Redis) -> None:
    """A process stopped between Postgres and Redis resumes after another process has begun the next epoch."""
    counter = Counter()

    @contextmanager
    def slow() -> Iterator[tuple[int, int]]:
        with counter.next() as row:
            yield row
        empty.set(keys.FIRST.epoch, "9:123")

    assert begin_epoch(Shard(empty), slow) == Epoch(9, 123)
    assert read_epoch(Shard(empty)) == Epoch(9, 123)
