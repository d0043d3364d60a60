"""The tails of several shards, merged, are the union of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import RedisError

from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.core.part import Part
from app.core.records import Record
from app.message_log import tails as module
from app.message_log.shards import Shard, Shards
from app.message_log.tails import MembershipChange, Tail, merged, read_tails
from app.services.reading.check_member import wait_for_arrivals

USERS = st.sets(st.integers(1, 4), max_size=2)


@st.composite
def by_part(draw: Any) -> list[tuple[Part, Tail]]:
    """Returns the tails of up to four shards. Versions grow within each of them, from anywhere."""
    total = draw(st.sampled_from([1, 2, 4]))
    return [(Part(number, total), draw(tail_of(Part(number, total)))) for number in range(total)]


@st.composite
def tail_of(draw: Any, part: Part) -> Tail:
    conversations = st.integers(0, 2).map(lambda n: n * part.total + part.number)
    version = draw(st.integers(1, 40))
    records, memberships = [], []
    for conversation, joins in draw(st.lists(st.tuples(conversations, st.booleans()), max_size=8)):
        version += draw(st.integers(1, 5))
        if joins:
            joined = draw(USERS)
            changed = version, conversation, version, sorted(joined), sorted(draw(USERS) - joined)
            memberships.append(MembershipChange(*changed))
        else:
            records.append(Record(Kind.MESSAGE, conversation, version, version, 0, 1, f"{version}", "", "", ""))
    streams = draw(st.lists(st.tuples(conversations, st.integers(1, 9)), max_size=2))
    unstored = {"records": records, "memberships": memberships, "is_empty": not records and not memberships}
    return Tail(**unstored, streams=streams, version=version, epoch=part.number + 1)


@given(tails=by_part())
def test_merged_tails_are_the_union(tails: list[tuple[Part, Tail]]) -> None:
    whole = merged(tails)
    of_all = [tail for _, tail in tails]
    assert sorted(whole.records) == sorted(record for tail in of_all for record in tail.records)
    assert sorted(whole.streams) == sorted(place for tail in of_all for place in tail.streams)
    assert whole.is_empty == all(tail.is_empty for tail in of_all)
    for user in range(1, 5):
        memberships: dict[int, tuple[bool, int]] = {}
        for tail in of_all:
            memberships |= tail.membership_of(user)
        assert whole.membership_of(user) == memberships
        assert whole.admitted([user]) == set().union(*(tail.admitted([user]) for tail in of_all))
    for part, tail in tails:
        for conversation in range(part.number, 3 * part.total, part.total):
            mine = [record for record in tail.records if record.conversation_id == conversation]
            assert [record for record in whole.records if record.conversation_id == conversation] == mine
            assert [whole.change_of(user, conversation) for user in range(1, 5)] == [
                tail.change_of(user, conversation) for user in range(1, 5)
            ]
            assert whole.of(conversation) is tail
            assert not whole.lacks(conversation)


@given(tails=by_part())
def test_arrivals_are_waited_for_in_each_shard(tails: list[tuple[Part, Tail]]) -> None:
    waited: list[tuple[int, int]] = []
    wait_for_arrivals(merged(tails), 1, wait_until_stored=lambda *place: not waited.append(place))
    last = [[c for c in tail.memberships if 1 in c.joined][-1:] for _, tail in tails]
    assert waited == [(change.conversation_id, change.version) for changes in last for change in changes]


EMPTY = Tail(records=[], memberships=[], is_empty=True, version=1, epoch=1)


def test_shard_is_asked_for_its_own_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[int, list[int]] = {}

    def read_tail(shard: Shard, conversation_ids: Any) -> Tail:
        asked[shard.part.number] = list(conversation_ids)
        return EMPTY

    monkeypatch.setattr(module, "read_tail", read_tail)
    clients: Any = [None] * 4
    assert read_tails(list(Shards(clients)), [1, 2, 5, 6, 4]).is_empty
    assert asked == {0: [4], 1: [1, 5], 2: [2, 6], 3: []}


@pytest.mark.parametrize("down", [{0}, {1}, {0, 1}])
def test_shards_that_are_away(monkeypatch: pytest.MonkeyPatch, down: set[int]) -> None:
    def read_tail(shard: Shard, _: Any) -> Tail:
        if shard.part.number in down:
            raise RedisError("away")
        return EMPTY

    monkeypatch.setattr(module, "read_tail", read_tail)
    clients: Any = [None, None]
    shards = list(Shards(clients))
    with pytest.raises(RedisError):
        read_tails(shards, [])
    if len(down) == 2:
        with pytest.raises(RedisError):
            read_tails(shards, [], some=True)
        return
    found = read_tails(shards, [], some=True)
    assert [found.lacks(conversation) for conversation in range(2)] == [0 in down, 1 in down]
    assert not found.is_empty  # something may wait in the other
    with pytest.raises(Overloaded):
        found.of(down.pop())
