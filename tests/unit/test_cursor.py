"""Cursors of one shard and of several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.cursor import (
    Position,
    decode_cursor,
    decode_positions,
    encode_cursor,
    encode_positions,
    respelled,
)

NOW = 1_780_000_000_000_000
versions = st.integers(0, 2**52 - 1)
epochs = st.integers(1, 2**48 - 1)
positions = st.builds(Position, epochs, versions)
counts = st.sampled_from([1, 2, 4, 8, 16, 32, 64])
vectors = counts.flatmap(lambda count: st.lists(positions, min_size=count, max_size=count))


@given(vectors)
def test_positions_survive_their_cursor(vector: list[Position]) -> None:
    cursor = encode_positions(vector)
    assert decode_positions(cursor, len(vector)) == vector
    assert decode_positions(respelled(cursor), len(vector)) == vector
    assert respelled(respelled(cursor)) == cursor != respelled(cursor)


@given(vectors, st.sampled_from([2, 4]))
def test_split_shard_begins_where_its_origin_was(vector: list[Position], times: int) -> None:
    split = decode_positions(encode_positions(vector), len(vector) * times)
    assert split == vector * times


@given(positions)
def test_one_shard_has_the_cursors_that_it_always_had(position: Position) -> None:
    assert encode_positions([position]) == encode_cursor(*position)
    assert decode_positions(encode_cursor(*position), 1) == [decode_cursor(encode_cursor(*position))]


def test_cursor_of_more_shards_than_there_are_has_no_meaning() -> None:
    assert decode_positions(encode_positions([Position(1, NOW)] * 4), 2) is None


def test_cursor_of_64_busy_shards_is_short() -> None:
    vector = [Position(3, NOW - number * 65_000) for number in range(64)]
    assert len(encode_positions(vector)) <= 256


@given(st.text(alphabet="0123456789abcdef.~-_AZ=", max_size=60))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    for shards in (1, 2, 64):
        found = decode_positions(text, shards)
        assert found is None or len(found) == shards


@pytest.mark.parametrize(
    "text",
    [
        "",
        "~",
        "1.5~2",
        "1.5~2~1~AA~",
        "1.5~2~39~AA",
        "1.5~0~1~AA",
        "1.5~1~3~_w",
        "1.5~2~1~AAAA",
        "1.5~2~1~A\u00e4",
        "1.5~1~1~AA~2.7",
        "1.5~7~1~AA",
    ],
)
def test_malformed_cursors_are_none(text: str) -> None:
    assert decode_positions(text, 2) is None
