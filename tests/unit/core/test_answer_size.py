from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.core.answer_size import ANSWER_BYTES, count_fitting, count_within


def test_page_of_long_texts_ends_at_the_bound() -> None:
    items = [{"message": "漢" * 8000}] * 50
    count = count_fitting(items)
    assert 1 < count < 50
    assert len(msgspec.json.encode(items[:count])) <= ANSWER_BYTES < len(msgspec.json.encode(items[: count + 1])) + 1024


def test_first_item_always_fits() -> None:
    assert count_fitting(["x" * 2 * ANSWER_BYTES, "y"]) == 1
    assert count_fitting([]) == 0


@given(st.lists(st.integers(0, 50)), st.integers(0, 200))
def test_as_many_as_fit(sizes: list[int], bound: int) -> None:
    count = count_within(sizes, bound)
    assert count <= 1 or sum(sizes[:count]) <= bound
    assert count == len(sizes) or sum(sizes[: count + 1]) > bound
