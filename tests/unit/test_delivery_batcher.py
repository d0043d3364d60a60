"""Delivered marks are collected: one per member and conversation, at the greatest seq that was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.services.messaging.delivery_batcher import COLLECT_SECONDS, MAX_COLLECT_SECONDS, DeliveryBatcher
from tests.twins.memory_gateway import Timers

Marks = list[tuple[int, int, int]]


def make() -> tuple[DeliveryBatcher, Timers, Marks]:
    timers = Timers()
    sent: Marks = []

    def mark_delivered(conversation: int, seqs: dict[int, int]) -> None:
        sent.extend((user, conversation, seq) for user, seq in seqs.items())

    batcher = DeliveryBatcher(mark_delivered=mark_delivered, call_later=timers.call_later)
    return batcher, timers, sent


ADDED = st.tuples(st.integers(1, 3), st.dictionaries(st.integers(1, 3), st.integers(1, 50), max_size=3))


@given(groups=st.lists(st.lists(ADDED, max_size=6), max_size=4))
def test_each_collection_sends_the_greatest_seq_of_each_pair_once(
    groups: list[list[tuple[int, dict[int, int]]]],
) -> None:
    batcher, timers, sent = make()
    for group in groups:
        wanted: dict[tuple[int, int], int] = {}
        for user, seqs in group:
            batcher.add(user, seqs)
            for conversation, seq in seqs.items():
                wanted[user, conversation] = max(seq, wanted.get((user, conversation), 0))
        del sent[:]
        timers.fire()
        assert {(user, conversation): seq for user, conversation, seq in sent} == wanted
        assert len(sent) == len(wanted)


@given(
    added=st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.lists(st.integers(1, 5)), st.integers(1, 9))),
    sender=st.integers(1, 5),
)
def test_message_for_many_users_marks_each_of_them_but_its_sender(
    added: list[tuple[bool, int, list[int], int]], sender: int
) -> None:
    batcher, timers, sent = make()
    wanted: dict[tuple[int, int], int] = {}
    for together, conversation, users, seq in added:
        if together:
            batcher.add_all(conversation, seq, users, sender_id=sender)
        for user in users:
            if not together:
                batcher.add(user, {conversation: seq})
            if not together or user != sender:
                wanted[user, conversation] = max(seq, wanted.get((user, conversation), 0))
    timers.fire()
    assert {(user, conversation): seq for user, conversation, seq in sent} == wanted


def test_many_active_conversations_are_collected_for_longer() -> None:
    batcher, timers, _ = make()
    batcher.add(1, {1: 1})
    assert [timer.seconds for timer in timers.pending] == [COLLECT_SECONDS]
    batcher.add(1, dict.fromkeys(range(10000), 1))
    timers.fire()
    batcher.add(1, {1: 2})
    assert [timer.seconds for timer in timers.pending] == [MAX_COLLECT_SECONDS]
