"""Hydrating: once for all waiting callers, in their order, and never under an epoch that is over."""

from __future__ import annotations

import gevent
import pytest

from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.core.kinds import Kind
from app.message_log import keys
from app.message_log.append import Decided, Operation
from app.message_log.conversations import is_in_redis
from app.message_log.shards import Shard
from app.services.reading import conversation_cache, hydrator
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import EPOCH, MemoryGateway, Replies, memory_gateway

ANN, BEN = 1, 2
PAIR, GROUP = 7, 8

Found = list[tuple[int, ParleyError | None]]


def wait_hydrated(gateway: MemoryGateway, conversation: int, count: int) -> Found:
    found: Found = []
    for number in range(count):
        gateway.conversations.when_hydrated(conversation, lambda error, n=number: found.append((n, error)))  # type: ignore[misc]
    assert found == [], "it never blocks"
    gateway.work_until(lambda: len(found) == count)
    return found


@in_own_hub
def test_callers_share_one_hydration_and_go_on_in_order() -> None:
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        assert not gateway.conversations.is_warm(PAIR)
        assert wait_hydrated(gateway, PAIR, 5) == [(number, None) for number in range(5)]
        assert gateway.conversations.is_warm(PAIR)
        assert gateway.directs.find(BEN, ANN) == PAIR
        assert gateway.redis.calls.count("script hydrate") == 1


@in_own_hub
def test_unknown_conversation_is_not_found_and_stays_cold() -> None:
    with memory_gateway() as gateway:
        assert [type(error) for _, error in wait_hydrated(gateway, 404, 2)] == [NotFound, NotFound]
        assert not gateway.conversations.is_warm(404)


@pytest.mark.parametrize("down", ["redis", "engine"])
@in_own_hub
def test_store_that_is_down_gives_overloaded_and_the_next_try_succeeds(down: str) -> None:
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        getattr(gateway, down).down = True
        found: Found = []
        gateway.conversations.when_hydrated(PAIR, lambda error: found.append((0, error)))
        with gevent.Timeout(30):
            while not found:
                gevent.sleep(0)
        assert isinstance(found[0][1], Overloaded)
        getattr(gateway, down).down = False
        assert wait_hydrated(gateway, PAIR, 1) == [(0, None)]


@in_own_hub
def test_postgres_is_not_needed_for_a_conversation_that_redis_has() -> None:
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        wait_hydrated(gateway, PAIR, 1)
        gateway.engine.down = True
        gateway.conversations.forget_all()
        assert wait_hydrated(gateway, PAIR, 1) == [(0, None)]
        assert gateway.conversations.role_of(PAIR, ANN) == "member"
        assert gateway.conversations.role_of(PAIR, 99) is None


@in_own_hub
def test_fault_of_the_store_reaches_every_waiting_caller(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    with memory_gateway() as gateway:
        gateway.engine.on_connect = fail
        assert [type(error) for _, error in wait_hydrated(gateway, PAIR, 2)] == [Internal, Internal]
        assert "could not be hydrated" in caplog.text


@in_own_hub
def test_caller_that_fails_does_not_stop_those_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_error: ParleyError | None) -> None:
        raise ValueError("a bug")

    with memory_gateway() as gateway:
        for conversation in (PAIR, GROUP):
            gateway.store.add_group(conversation, [ANN, BEN])
            gateway.conversations.when_hydrated(conversation, fail)
        assert wait_hydrated(gateway, PAIR, 1) == [(0, None)]
        assert wait_hydrated(gateway, GROUP, 1) == [(0, None)]
        assert caplog.text.count("failed") == 2


@in_own_hub
def test_state_of_an_epoch_that_ended_during_the_read_is_read_again() -> None:
    """Otherwise Redis would get members and counters that Postgres had before the new epoch began."""
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        reads: list[int] = []

        def begin_another() -> None:
            reads.append(1)
            if len(reads) == 1:
                gateway.begin_epoch(EPOCH + 1)

        gateway.engine.on_connect = begin_another
        assert wait_hydrated(gateway, PAIR, 1) == [(0, None)]
        assert len(reads) == 2
        assert is_in_redis(Shard(gateway.redis), PAIR)


@in_own_hub
def test_epochs_that_end_again_and_again_give_overloaded() -> None:
    with memory_gateway() as gateway:
        gateway.store.add_direct(PAIR, ANN, BEN)
        numbers = iter(range(EPOCH + 1, EPOCH + 100))
        gateway.engine.on_connect = lambda: gateway.begin_epoch(next(numbers))
        with pytest.raises(Overloaded):
            gateway.conversations.hydrate(PAIR)
        assert next(numbers) == EPOCH + 1 + hydrator.HYDRATE_TRIES
        assert not is_in_redis(Shard(gateway.redis), PAIR)


@in_own_hub
def test_operations_of_a_forgotten_conversation_are_tried_again_in_order() -> None:
    """The log writer finds the conversation cold, hydrates it and submits everything that waits behind it."""
    with memory_gateway() as gateway:
        gateway.store.add_group(GROUP, [ANN, BEN])
        wait_hydrated(gateway, GROUP, 1)
        gateway.redis.delete(keys.FIRST.conversation(GROUP))
        replies = Replies()
        for number in range(10):
            operation = Operation(Kind.MESSAGE, GROUP, ANN, f"id-{number}", f'"id":"id-{number}","senderId":{ANN}')
            gateway.log.append(operation, replies.of(number))
            if number in (3, 6):
                gevent.sleep(0)
        gateway.work_until(lambda: len(replies) == 10)
        decisions = [(name, decision[:2]) for name, decision, _ in replies.all]
        assert decisions == [(number, (Decided.DONE, number + 1)) for number in range(10)]


@in_own_hub
def test_operations_of_an_unknown_conversation_are_refused_once_each() -> None:
    with memory_gateway() as gateway:
        replies = Replies()
        for number in range(5):
            gateway.log.append(Operation(Kind.DELIVERED, 404, ANN, 1), replies.of(number))
        gateway.work_until(lambda: len(replies) == 5)
        gevent.sleep(0)
        assert [(name, type(error)) for name, _, error in replies.all] == [(n, NotFound) for n in range(5)]


@in_own_hub
def test_cache_of_warm_conversations_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_cache, "MAX_WARM", 3)
    with memory_gateway() as gateway:
        for conversation in range(10, 20):
            gateway.store.add_group(conversation, [ANN])
            wait_hydrated(gateway, conversation, 1)
        warm = [conversation for conversation in range(10, 20) if gateway.conversations.is_warm(conversation)]
        assert 1 <= len(warm) <= 3
        assert warm[-1] == 19
