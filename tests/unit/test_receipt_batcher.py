"""Marks of large conversations: none is lost, each waiting caller gets one answer, and marks only move forward."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import NotFound, Overloaded, ParleyError
from app.core.kinds import Kind
from app.message_log import keys
from app.message_log.confirmations import Confirmations
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard
from app.services.messaging import receipt_batcher
from app.services.messaging.receipt_batcher import ReceiptBatcher
from tests.support.own_hub import in_own_hub
from tests.twins.memory_gateway import EPOCH, MemoryGateway, Replies, Timers, memory_gateway

CROWD, MEMBERS, LAST_SEQ = 11, list(range(1, 103)), 20
STRANGER = 999


def with_crowd(gateway: MemoryGateway) -> None:
    gateway.store.add_group(CROWD, MEMBERS)
    state = gateway.store.states[CROWD]
    gateway.store.states[CROWD] = type(state)(
        CROWD, "group", LAST_SEQ, 0, state.members, state.info, state.floors, state.blockers
    )
    assert hydrate(Shard(gateway.redis), EPOCH, gateway.store.states[CROWD])


def work(gateway: MemoryGateway, step: str) -> None:
    """``send``: the gateway sends the marks that it has collected. ``drain``: they are stored."""
    if step == "send":
        gateway.timers.fire()
    else:
        gevent.sleep(0)
        gateway.drain()


MARKS = st.tuples(st.sampled_from([Kind.DELIVERED, Kind.READ]), st.sampled_from([1, 2, 3]), st.integers(1, 30))


@given(steps=st.lists(st.one_of(MARKS, st.sampled_from(["send", "drain"])), max_size=25))
@settings(max_examples=50, deadline=None)
def test_marks_end_at_their_maximum_and_every_caller_is_answered(steps: list[Any]) -> None:
    play(steps)


@in_own_hub
def play(steps: list[Any]) -> None:
    replies = Replies()
    marks = [step for step in steps if isinstance(step, tuple)]
    with memory_gateway() as gateway:
        with_crowd(gateway)
        for step in steps:
            if isinstance(step, str):
                work(gateway, step)
            else:
                gateway.marks.move(step[0], step[1], CROWD, step[2], replies.of(step))

        def finished() -> bool:
            gateway.timers.fire()
            return len(replies) == len(marks)

        gateway.work_until(finished)
        assert sorted(replies.names()) == sorted(marks)
        for (_, _, seq), answer, error in replies.all:
            assert error is None
            assert answer == {"conversationId": CROWD, "seq": min(seq, LAST_SEQ), "status": "stored"}
        check_marks(gateway, marks)


def check_marks(gateway: MemoryGateway, marks: list[tuple[Kind, int, int]]) -> None:
    for user in {user for _, user, _ in marks}:
        read = max((min(s, LAST_SEQ) for kind, u, s in marks if u == user and kind == Kind.READ), default=0)
        delivered = max(min(s, LAST_SEQ) for _, u, s in marks if u == user)
        stored = gateway.store.marks[(CROWD, user)]
        assert (stored.delivered_seq, stored.read_seq) == (delivered, read)


WRITTEN = st.dictionaries(st.sampled_from([1, 2, 3]), st.integers(1, LAST_SEQ), min_size=1)


@given(steps=st.lists(st.one_of(WRITTEN, st.sampled_from(["send", "drain"])), max_size=15), is_known=st.booleans())
@settings(max_examples=30, deadline=None)
def test_delivered_marks_that_nobody_waits_for_end_at_their_maximum(steps: list[Any], is_known: bool) -> None:
    play_unawaited(steps, is_known)


@in_own_hub
def play_unawaited(steps: list[Any], is_known: bool) -> None:
    """``is_known``: the gateway knows already that the conversation is large."""
    wanted: dict[int, int] = {}
    with memory_gateway() as gateway:
        with_crowd(gateway)
        if is_known:
            gateway.receipts.mark_large(CROWD)
        for step in steps:
            if isinstance(step, str):
                work(gateway, step)
            else:
                gateway.marks.mark_all_delivered(CROWD, step)
                wanted |= {user: max(seq, wanted.get(user, 0)) for user, seq in step.items()}

        def stored() -> bool:
            gateway.timers.fire()
            rows = {user: gateway.store.marks.get((CROWD, user)) for user in wanted}
            return {user: row.delivered_seq for user, row in rows.items() if row is not None} == wanted

        gateway.work_until(stored)


@in_own_hub
def test_members_who_read_at_once_make_one_record() -> None:
    replies = Replies()
    with memory_gateway() as gateway:
        with_crowd(gateway)
        gateway.receipts.mark_large(CROWD)
        for user in MEMBERS:
            gateway.marks.move(Kind.READ, user, CROWD, LAST_SEQ, replies.of(user))
        assert len(gateway.timers.pending) == 1
        gateway.timers.fire()
        gateway.work_until(lambda: len(replies) == len(MEMBERS))
        assert gateway.redis.hget(keys.FIRST.log_state, "entries") == b"1"


@in_own_hub
def test_mark_of_a_stranger_is_refused_although_the_batch_is_stored() -> None:
    replies = Replies()
    with memory_gateway() as gateway:
        with_crowd(gateway)
        gateway.receipts.mark_large(CROWD)
        for user in (1, STRANGER):
            gateway.marks.move(Kind.READ, user, CROWD, 3, replies.of(user))
        gateway.timers.fire()
        gateway.work_until(lambda: len(replies) == 2)
        errors = {user: type(error) for user, _, error in replies.all}
        assert errors == {1: type(None), STRANGER: NotFound}


@in_own_hub
def test_conversation_that_redis_forgot_is_tried_the_usual_way_next_time() -> None:
    replies = Replies()
    with memory_gateway() as gateway:
        with_crowd(gateway)
        gateway.receipts.mark_large(CROWD)
        gateway.redis.delete(keys.FIRST.conversation(CROWD))
        gateway.marks.move(Kind.READ, 1, CROWD, 3, replies.of("first"))
        gateway.timers.fire()
        gateway.work_until(lambda: len(replies) == 1)
        assert isinstance(replies.all[0][2], Overloaded)
        assert not gateway.receipts.is_large(CROWD)
        gateway.marks.move(Kind.READ, 1, CROWD, 3, replies.of("again"))
        gateway.work_until(lambda: bool(gateway.timers.pending))
        gateway.timers.fire()
        gateway.work_until(lambda: len(replies) == 2)
        assert replies.all[1][2] is None


class Queue:
    """Keeps the submitted operations with their handlers."""

    def __init__(self) -> None:
        self.submitted: list[tuple[Any, Any]] = []

    def submit(self, operation: Any, outcome: Any, /) -> None:
        self.submitted.append((operation, outcome))

    def withdraw(self, wanted: Any, /) -> list[Any]:
        return []


def test_awaited_mark_moves_a_later_timer_forward() -> None:
    timers = Timers()
    batcher = ReceiptBatcher(changes=Queue(), confirmations=Confirmations(), call_later=timers.call_later)
    batcher.add(Kind.READ, CROWD, 1, 1)
    timers.fire()
    batcher.add(Kind.DELIVERED, CROWD, 1, 1)
    (late,) = timers.pending
    batcher.add(Kind.READ, CROWD, 1, 1, lambda _seq, _error: None)
    (early,) = timers.pending
    assert early.seconds < late.seconds
    batcher.add(Kind.DELIVERED, CROWD, 2, 1)
    assert timers.pending == [early]


def test_large_batch_is_split_and_its_callers_wait_for_the_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt_batcher, "MAX_IN_ONE", 2)
    queue, timers, confirmations = Queue(), Timers(), Confirmations()
    batcher = ReceiptBatcher(changes=queue, confirmations=confirmations, call_later=timers.call_later)
    found: list[tuple[int, ParleyError | None]] = []
    for user in range(1, 6):
        batcher.add(Kind.READ, CROWD, user, user, lambda seq, error: found.append((seq, error)))
    timers.fire()
    marks = [operation.what for operation, _ in queue.submitted]
    assert marks == [[3, 1, 1, 2, 2], [3, 3, 3, 4, 4], [3, 5, 5]]
    for number, (_, outcome) in enumerate(queue.submitted):
        outcome((0, 9, 100 + number, 0), None)
    confirmations.settle([100, 101])
    assert found == []
    confirmations.settle([102])
    assert found == [(9, None)] * 5
