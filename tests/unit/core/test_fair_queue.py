"""A queue that is fair to groups, and the delays for guessed passwords."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.fair_queue import FairQueue
from app.core.guessing import MAX_DELAY_SECONDS, delay_seconds, free_failures

Item = tuple[str, int]
GROUPS = st.sampled_from("abcd")


def drained(queue: FairQueue[Item]) -> list[Item]:
    items = []
    while (item := queue.take()) is not None:
        items.append(item)
    return items


def filled(limit: int, groups: list[str]) -> tuple[FairQueue[Item], list[Item]]:
    """Returns the queue and the items that had no room."""
    queue: FairQueue[Item] = FairQueue(limit)
    offered = (queue.put(group, (group, number)) for number, group in enumerate(groups))
    return queue, [item for item in offered if item is not None]


@given(st.lists(GROUPS, max_size=40), st.integers(1, 12))
def test_every_item_is_taken_once_or_has_no_room(groups: list[str], limit: int) -> None:
    queue, without_room = filled(limit, groups)
    assert len(queue) == min(limit, len(groups))
    assert sorted(drained(queue) + without_room, key=lambda item: item[1]) == [(g, n) for n, g in enumerate(groups)]
    assert len(queue) == 0


@given(st.lists(GROUPS, max_size=40), st.integers(4, 12))
def test_no_group_is_refused_below_its_share(groups: list[str], limit: int) -> None:
    queue, without_room = filled(limit, groups)
    kept = Counter(group for group, _ in drained(queue))
    share = limit // len(set(groups) or {""})
    for group, _ in without_room:
        assert kept[group] >= share


@given(st.lists(GROUPS, min_size=1, max_size=40))
def test_a_group_waits_for_at_most_one_turn_of_each_other(groups: list[str]) -> None:
    queue, _ = filled(40, groups)
    order = [group for group, _ in drained(queue)]
    for group in set(order):
        assert order.index(group) < len(set(groups))


@given(st.lists(GROUPS, max_size=40))
def test_items_of_a_group_keep_their_order(groups: list[str]) -> None:
    queue, _ = filled(40, groups)
    taken = drained(queue)
    for group in set(groups):
        numbers = [number for name, number in taken if name == group]
        assert numbers == sorted(numbers)


@given(st.lists(GROUPS, min_size=1, max_size=20), st.data())
def test_discarded_item_is_not_taken(groups: list[str], data: st.DataObject) -> None:
    queue, _ = filled(40, groups)
    gone = data.draw(st.integers(0, len(groups) - 1))
    queue.discard(groups[gone], (groups[gone], gone))
    queue.discard(groups[gone], (groups[gone], gone))
    assert len(queue) == len(groups) - 1
    assert (groups[gone], gone) not in drained(queue)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_delay_grows_with_failures_up_to_a_limit(failures: int, attempts: int) -> None:
    free = free_failures(attempts)
    assert delay_seconds(free - 1, free) == 0
    assert delay_seconds(free, free) == 1
    now, following = delay_seconds(failures, free), delay_seconds(failures + 1, free)
    assert now <= following <= max(2 * now, 1) or following == MAX_DELAY_SECONDS
    assert following <= MAX_DELAY_SECONDS
