"""Resuming misses nothing and repeats nothing, wherever the drain is while the stores are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.cursor import encode_cursor
from app.core.errors import Overloaded
from app.core.events import Event
from app.core.kinds import Kind
from app.message_log.append import Decided, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.services.reading import replay_plan, resume
from app.services.reading.replay_plan import ReplayPlan
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import EPOCH, MemoryGateway, memory_gateway

ANN, BEN, EVE = 1, 2, 9
PAIR, GROUP, FOREIGN = 7, 8, 10


def with_conversations(gateway: MemoryGateway) -> None:
    gateway.store.add_direct(PAIR, ANN, BEN)
    gateway.store.add_group(GROUP, [ANN, BEN, EVE])
    gateway.store.add_direct(FOREIGN, BEN, EVE)
    for state in gateway.store.states.values():
        assert hydrate(Shard(gateway.redis), EPOCH, state)


def log(gateway: MemoryGateway, kind: Kind, conversation: int, user: int, what: Any) -> int:
    """Returns the version of the record, or 0 if there is none."""
    body = f'"id":"{what}","senderId":{user},"message":"{what}","kind":"text","attachments":[]'
    operation = Operation(kind, conversation, user, what, body if kind == Kind.MESSAGE else "", "session")
    ((decided, _, version, _),) = gateway.appends._call([operation])
    return int(version) if decided == Decided.DONE else 0


def uuid_of(number: int) -> str:
    return f"018f4e2a-0000-7000-8000-{number:012x}"


def replayed(gateway: MemoryGateway, user: int, version: int, plan: ReplayPlan | None = None) -> list[Event]:
    """Reads all pages, as a session does."""
    events: list[Event] = []
    more, at = True, version
    while more:
        page, more = gateway.replay.changes_since(user, at, version, plan)
        events += page
        assert page or not more, "a page that is not the last one has events"
        at = max([at, *(event.version for event in page)])
    return events


MESSAGES = st.tuples(st.just("message"), st.sampled_from([PAIR, GROUP, FOREIGN]), st.sampled_from([BEN, ANN, EVE]))
MARKS = st.tuples(st.sampled_from(["delivered", "read"]), st.sampled_from([PAIR, GROUP]), st.integers(1, 10))
STEPS = st.lists(st.one_of(MESSAGES, MARKS, st.just("drain one")), max_size=20)


@given(
    steps=STEPS,
    since=st.integers(0, 20),
    while_reading=st.integers(0, 5),
    page=st.integers(1, 4),
    plan=st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(1, 6))),
)
@settings(max_examples=200, deadline=None)
def test_resume_sees_every_later_message_once_and_the_last_marks(
    steps: list[Any], since: int, while_reading: int, page: int, plan: tuple[int, int] | None
) -> None:
    play(steps, since, while_reading, page, plan)


@in_own_hub
def play(steps: list[Any], since: int, while_reading: int, page: int, plan: tuple[int, int] | None) -> None:
    """``while_reading`` entries are stored between the read of the tail and that of Postgres. ``plan`` has the limits
    of a plan: the number of changed conversations beyond which it is made, and its keys.
    """
    with memory_gateway() as gateway, pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "PAGE", page)
        if plan is not None:
            patch.setattr(resume, "MANY", plan[0])
            patch.setattr(replay_plan, "LOOKAHEAD", plan[1])
        with_conversations(gateway)
        versions, messages, marks = [0], {}, {}
        for number, step in enumerate(steps):
            if step == "drain one":
                gateway.drain(1)
                continue
            what, conversation, third = step
            if what == "message":
                version = log(gateway, Kind.MESSAGE, conversation, third, uuid_of(number))
                if version and conversation != FOREIGN:
                    messages[uuid_of(number)] = version
            else:
                kind = Kind.READ if what == "read" else Kind.DELIVERED
                version = log(gateway, kind, conversation, BEN, third)
                marks[conversation, what] = max(version, marks.get((conversation, what), 0))
            versions.append(max(versions[-1], version))
        start = versions[min(since, len(versions) - 1)]
        store_while_reading(gateway, while_reading)
        events = replayed(gateway, ANN, start, ReplayPlan() if plan else None)
        check(gateway, events, start, messages, marks)


def store_while_reading(gateway: MemoryGateway, count: int) -> None:
    left = count

    def called(name: str) -> None:
        nonlocal left
        if name == "script tail":
            gateway.engine.on_connect = store_one

    def store_one() -> None:
        nonlocal left
        if left:
            left -= 1
            gateway.drain(1)

    gateway.redis.on_call = called


def check(gateway: MemoryGateway, events: list[Event], start: int, messages: dict[str, int], marks: Any) -> None:
    assert [event.version for event in events] == sorted(event.version for event in events)
    received = [(json.loads(event.data)["id"], event.version) for event in events if event.name == "receive_message"]
    assert received == sorted(((id_, at) for id_, at in messages.items() if at > start), key=lambda one: one[1])
    assert all(event.cursor for event in events)
    seen: dict[tuple[int, str], int] = {}
    for event in events:
        if event.name in ("message_delivered", "message_read"):
            data = json.loads(event.data)
            assert data["userId"] == BEN
            key = data["conversationId"], event.name.removeprefix("message_")
            assert data["seq"] >= seen.get(key, 0), "marks do not move back"
            seen[key] = data["seq"]
    gateway.redis.on_call = lambda _name: None
    gateway.engine.on_connect = lambda: None
    gateway.drain()
    for (conversation, what), version in marks.items():
        if version > start:
            mark = gateway.store.marks[conversation, BEN]
            read = seen.get((conversation, "read"), 0)
            if what == "read":
                assert read == mark.read_seq
            else:  # a message that was read was delivered
                assert max(read, seen.get((conversation, "delivered"), 0)) == mark.delivered_seq


@in_own_hub
def test_conversation_that_begins_between_the_reads_is_read_with_its_tail() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        tails: list[str] = []

        def begin(name: str) -> None:
            tails.append(name)
            if tails == ["script tail"]:
                gateway.store.add_direct(20, ANN, EVE)
                hydrate(Shard(gateway.redis), EPOCH, gateway.store.states[20])
                log(gateway, Kind.MESSAGE, 20, EVE, uuid_of(1))

        gateway.redis.on_call = lambda name: begin(name) if name == "script tail" else None
        events = replayed(gateway, ANN, 0)
        assert [event.name for event in events] == ["receive_message"]
        assert len(tails) == 2


@in_own_hub
def test_version_that_is_assigned_during_the_read_is_left_to_the_live_stream() -> None:
    """Postgres may show a later version and not yet an earlier one, so a page ends at the horizon of the tail."""
    with memory_gateway() as gateway:
        with_conversations(gateway)
        first = log(gateway, Kind.MESSAGE, PAIR, BEN, uuid_of(1))
        late: list[int] = []

        def send_and_store() -> None:
            if "script tail" in gateway.redis.calls and not late:
                late.append(log(gateway, Kind.MESSAGE, PAIR, BEN, uuid_of(2)))
                gateway.drain()

        gateway.redis.calls.clear()
        gateway.engine.on_connect = send_and_store
        events, more = gateway.replay.changes_since(ANN, 0, 0)
        assert late
        assert ([event.version for event in events], more) == ([first], False)
        assert [event.version for event in replayed(gateway, ANN, first)] == late


@in_own_hub
def test_message_before_the_replay_began_is_an_update_on_its_later_pages() -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        version = log(gateway, Kind.MESSAGE, PAIR, BEN, uuid_of(1))
        for since, name in ((0, "receive_message"), (version, "message_updated")):
            ((event,), _) = gateway.replay.changes_since(ANN, 0, since)
            assert event.name == name
            assert event.cursor == encode_cursor(EPOCH, version)
            assert (event.sender_id, event.seq) == ((BEN, 1) if name == "receive_message" else (0, 0))


@pytest.mark.parametrize("down", ["redis", "engine"])
def test_store_that_is_down_gives_overloaded(down: str) -> None:
    with memory_gateway() as gateway:
        with_conversations(gateway)
        getattr(gateway, down).down = True
        with pytest.raises(Overloaded):
            gateway.replay.changes_since(ANN, 0, 0)
