"""Many conversations that are used at the same moment are hydrated in few calls, and none waits for a slow one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gevent
import pytest
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Internal, NotFound, Overloaded, ParleyError
from app.message_log.conversations import LARGE, which_are_in_redis
from app.message_log.shards import Shard
from app.services.reading import hydrator
from app.services.reading.hydrator import READ_AT_ONCE
from app.store.conversations import ConversationState
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import MemoryGateway, memory_gateway

ANN, BEN = 1, 2
PAIRS = range(100, 400)
CROWD, UNKNOWN = 7, 404

Found = dict[int, list[ParleyError | None]]


def begin(gateway: MemoryGateway, conversations: list[int]) -> Found:
    """Returns a dictionary that gets the outcomes."""
    found: Found = {}
    for conversation in conversations:
        outcomes = found.setdefault(conversation, [])
        gateway.conversations.when_hydrated(conversation, outcomes.append)
    return found


def wait_for(gateway: MemoryGateway, found: Found, asked: list[int]) -> None:
    counts = Counter(asked)
    gateway.work_until(lambda: all(len(found[conversation]) == count for conversation, count in counts.items()))


@in_own_hub
def test_many_conversations_take_few_calls() -> None:
    with memory_gateway() as gateway:
        reads: list[int] = []
        gateway.engine.on_connect = lambda: reads.append(1)
        for pair in PAIRS:
            gateway.store.add_direct(pair, ANN, pair + 1000)
        asked = [*PAIRS, *PAIRS]
        found = begin(gateway, asked)
        wait_for(gateway, found, asked)
        assert found == {pair: [None, None] for pair in PAIRS}
        assert which_are_in_redis(Shard(gateway.redis), [*PAIRS, UNKNOWN]) == set(PAIRS)
        assert len(reads) <= 1 + len(PAIRS) / READ_AT_ONCE
        assert gateway.redis.calls.count("script hydrate") == len(PAIRS)


@in_own_hub
def test_conversation_in_redis_does_not_wait_for_a_postgres_that_hangs() -> None:
    with memory_gateway() as gateway:
        for pair in PAIRS:
            gateway.store.add_direct(pair, ANN, pair + 1000)
        wait_for(gateway, begin(gateway, [PAIRS[0]]), [PAIRS[0]])
        goes_on = Event()
        gateway.engine.on_connect = goes_on.wait
        slow = begin(gateway, list(PAIRS[1:]))
        quick = begin(gateway, [PAIRS[0]])
        wait_for(gateway, quick, [PAIRS[0]])
        assert not any(slow.values())
        goes_on.set()
        wait_for(gateway, slow, list(PAIRS[1:]))


@in_own_hub
def test_large_group_does_not_hold_up_small_ones() -> None:
    with memory_gateway() as gateway:
        gateway.store.add_group(CROWD, range(1, LARGE + 2))
        gateway.store.add_direct(PAIRS[0], ANN, BEN)
        gateway.store.add_direct(PAIRS[1], ANN, BEN + 1)
        goes_on, reads = Event(), 0

        def connect() -> None:
            nonlocal reads
            reads += 1
            if reads == 2:  # that of the group by itself
                goes_on.wait()

        gateway.engine.on_connect = connect
        asked = [PAIRS[0], CROWD, PAIRS[1]]
        found = begin(gateway, asked)
        wait_for(gateway, found, [PAIRS[0], PAIRS[1]])
        assert found[CROWD] == []
        goes_on.set()
        wait_for(gateway, found, asked)
        assert found == {conversation: [None] for conversation in asked}


@in_own_hub
def test_known_conversations_go_on_if_postgres_is_down() -> None:
    """A gateway that has just started does not know yet which of them are direct."""
    with memory_gateway() as gateway:
        gateway.store.add_group(CROWD, [ANN, BEN])
        wait_for(gateway, begin(gateway, [CROWD]), [CROWD])
    with memory_gateway() as other:
        other.redis, gateway.redis = gateway.redis, other.redis
        other._build()
        other.engine.down = True
        found = begin(other, [CROWD, UNKNOWN])
        wait_for(other, found, [CROWD, UNKNOWN])
        assert found[CROWD] == [None]
        assert isinstance(found[UNKNOWN][0], Overloaded)


@in_own_hub
def test_conversation_that_cannot_be_read_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    with memory_gateway() as gateway, pytest.MonkeyPatch.context() as patch:
        for pair in PAIRS[:60]:
            gateway.store.add_direct(pair, ANN, pair + 1000)
        bad = PAIRS[30]

        def load_unless_bad(connection: Any, ids: list[int], most_members: int) -> list[ConversationState]:
            if bad in ids:
                raise ValueError("a bug")
            return gateway.store.load_state(connection, ids, most_members)

        patch.setattr(hydrator, "load_state", load_unless_bad)
        asked = list(PAIRS[:60])
        found = begin(gateway, asked)
        wait_for(gateway, found, asked)
        assert isinstance(found.pop(bad)[0], Internal)
        assert all(outcomes == [None] for outcomes in found.values())
        assert "could not be hydrated" in caplog.text


@given(st.lists(st.integers(0, 9), max_size=30), st.sets(st.integers(0, 9)), st.lists(st.integers(0, 2), max_size=30))
@in_own_hub
def test_each_caller_gets_one_outcome(asked: list[int], unknown: set[int], pauses: list[int]) -> None:
    with memory_gateway() as gateway:
        for number in set(range(10)) - unknown:
            if number < 8:
                gateway.store.add_direct(number, ANN, 1000 + number)
            else:
                gateway.store.add_group(number, range(1, LARGE * (number - 7) + 1))
        found: Found = {number: [] for number in asked}
        for place, number in enumerate(asked):
            gateway.conversations.when_hydrated(number, found[number].append)
            for _ in range(pauses[place] if place < len(pauses) else 0):
                gevent.sleep(0)
        wait_for(gateway, found, asked)
        for number, outcomes in found.items():
            kinds = {type(outcome) for outcome in outcomes}
            assert kinds == ({NotFound} if number in unknown else {type(None)})
            assert gateway.conversations.is_warm(number) == (number not in unknown)
