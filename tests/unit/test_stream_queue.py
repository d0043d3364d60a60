"""The texts of a stream find its shard, and stay in order while it is looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.message_log.append import Operation
from app.message_log.shards import Shards
from app.services.messaging.stream_queue import StreamQueue, conversation_of_stream
from tests.twins.memory_redis import MemoryRedis

OF_SHARD_1 = 7


class Queue:
    def __init__(self) -> None:
        self.taken: list[Any] = []

    def submit(self, operation: Any, _outcome: Any, /) -> None:
        self.taken.append(operation.what[2])

    def run(self, operation: Any, /) -> Any:
        self.taken.append(operation.what[2])
        return "done"

    def withdraw(self, _wanted: Any, /) -> list[Any]:
        return []


class World:
    """``work`` are the look-ups that were begun."""

    def __init__(self) -> None:
        self.redis: Any = MemoryRedis()
        self.shards = Shards([self.redis, self.redis])
        self.queues = [Queue(), Queue()]
        self.work: list[Callable[[], None]] = []
        self.errors: list[Any] = []
        self.queue = StreamQueue(self.queues, self.shards, self.work.append)

    def open(self, id_: str, conversation_id: int = OF_SHARD_1) -> None:
        shard = self.shards.of(conversation_id)
        self.redis.set(shard.keys.stream_place(id_), f"{conversation_id}:3")

    def append(self, id_: str, number: int) -> None:
        self.queue.submit(operation(id_, number), lambda _result, error: self.errors.append(error))

    def look_up(self) -> None:
        while self.work:
            self.work.pop(0)()


def operation(id_: str, number: int) -> Operation:
    return Operation(Kind.APPENDED, 0, 1, ["append", id_, number])


@given(pauses=st.lists(st.booleans(), min_size=1, max_size=12))
def test_texts_of_a_stream_arrive_in_order_at_its_shard(pauses: list[bool]) -> None:
    world = World()
    world.open("a")
    for number, look in enumerate(pauses):
        world.append("a", number)
        if look:
            world.look_up()
    world.look_up()
    assert [queue.taken for queue in world.queues] == [[], list(range(len(pauses)))]


def test_unknown_stream_is_refused_by_any_shard_and_looked_up_again() -> None:
    world = World()
    world.append("later", 1)
    world.look_up()
    assert world.queues[0].taken == [1]
    world.open("later")
    world.append("later", 2)
    world.look_up()
    assert world.queues[1].taken == [2]
    assert world.queue.run(operation("later", 3)) == "done"
    assert world.queues[1].taken == [2, 3]


class AwayRedis:
    def get(self, _name: str) -> bytes:
        raise ConnectionError("away")


def test_shard_that_is_away_matters_only_to_streams_that_no_other_shard_has() -> None:
    world = World()
    shards = Shards([AwayRedis(), world.redis])  # type: ignore[list-item]
    world.open("a")
    assert conversation_of_stream(shards, "a") == OF_SHARD_1
    with pytest.raises(Overloaded):
        conversation_of_stream(shards, "b")
    queue = StreamQueue(world.queues, shards, world.work.append)
    queue.submit(operation("b", 1), lambda _result, error: world.errors.append(error))
    world.look_up()
    assert [type(error) for error in world.errors] == [Overloaded]
    assert [other.taken for other in world.queues] == [[], []]
