"""Array literals reach Postgres as the original lists, with any content."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from app.store.engine import reading
from app.store.pg_arrays import int_array, text_array

TEXT = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"])) | st.sampled_from(
    ['"', "\\", '","', '\\"', "{}", ",", "NULL", "null", "", " ", "\n", "a'b"]
)
BATCHES = st.lists(st.tuples(st.lists(TEXT | st.none()), st.lists(TEXT)), min_size=20, max_size=20)


@settings(max_examples=25, deadline=None)
@given(batches=BATCHES, numbers=st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_lists_arrive_unchanged(
    engine: Engine, batches: list[tuple[list[str | None], list[str]]], numbers: list[int]
) -> None:
    read = text("SELECT CAST(:a AS text[]), CAST(:b AS text[]), CAST(:n AS bigint[])")
    with reading(engine) as conn:
        for some_none, plain in batches:
            values = {"a": text_array(some_none), "b": text_array(plain), "n": int_array(numbers)}
            assert tuple(conn.execute(read, values).one()) == (some_none, plain, numbers)


@pytest.mark.parametrize("value", ["1", None, 1.5, "1,2"])
def test_non_integers_are_rejected_as_numbers(value: object) -> None:
    with pytest.raises(TypeError):
        int_array([1, value])  # type: ignore[list-item]
