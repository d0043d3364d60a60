"""Cursors of one shard and of several."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.cursor import (
    LONG,
    MAX_LENGTH,
    decode_cursor,
    decode_positions,
    encode_cursor,
    encode_positions,
    respelled,
)
from app.core.position import MILESTONE_BITS, Position

NOW = 1_780_000_000_000_000
MILESTONE = 1 << MILESTONE_BITS
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
versions = st.integers(0, 2**52 - 1)
epochs = st.integers(1, 2**48 - 1)
positions = st.builds(Position, epochs, versions)
counts = st.sampled_from([1, 2, 4, 8, 16, 32, 64])
vectors = counts.flatmap(lambda count: st.lists(positions, min_size=count, max_size=count))


def at(milestones_ago: int) -> int:
    return (NOW >> MILESTONE_BITS) - milestones_ago << MILESTONE_BITS


# The versions that sessions of a running deployment have: of events, and milestones. A shard of a new installation that
# is away has 0.
likely_versions = st.one_of(
    st.integers(NOW - 30 * DAY, NOW),
    st.integers(NOW - HOUR, NOW),
    st.integers(NOW - 10 * SECOND, NOW),
    st.integers(0, 30 * DAY // MILESTONE).map(at),
    st.sampled_from([at(1), at(9), at(5000), NOW, 0]),
)
# How often shards lost their history.
likely_epochs = st.one_of(st.just(7), st.integers(1, 100))
likely = st.builds(Position, likely_epochs, likely_versions)
likely_vectors = counts.flatmap(lambda count: st.lists(likely, min_size=count, max_size=count))


def lowered(vector: list[Position]) -> list[int]:
    """Returns by how much each position of the vector's cursor is lower than it was."""
    found = decode_positions(encode_positions(vector), len(vector))
    assert found is not None
    assert [position.epoch for position in found] == [position.epoch for position in vector]
    return [old.version - new.version for old, new in zip(vector, found, strict=True)]


def of_64(versions: list[int], epoch: int = 3) -> list[Position]:
    return [Position(epoch, version) for version in versions] + [Position(epoch, at(11))] * (64 - len(versions))


@given(st.one_of(vectors, likely_vectors))
def test_no_cursor_has_a_later_position_than_its_session(vector: list[Position]) -> None:
    """A later one would skip events."""
    assert min(lowered(vector)) >= 0


@given(st.sampled_from([1, 2, 4, 8, 16]).flatmap(lambda count: st.lists(likely, min_size=count, max_size=count)))
def test_positions_of_a_few_shards_survive_their_cursor(vector: list[Position]) -> None:
    assert not any(lowered(vector))


@given(st.lists(likely_versions.filter(bool), min_size=32, max_size=32))
def test_positions_of_32_shards_survive_their_cursor(versions: list[int]) -> None:
    vector = [Position(7, version) for version in versions]
    assert not any(lowered(vector))


@given(likely_vectors)
@example([Position(n + 1, NOW - n * DAY - n) for n in range(64)])
@example([Position(99, NOW - n * 70_000_001) for n in range(64)])
@example([Position(99, n and NOW - n * 70_000_001) for n in range(64)])
def test_cursors_that_a_server_produces_have_at_most_256_bytes(vector: list[Position]) -> None:
    cursor = encode_positions(vector)
    assert len(cursor) <= len(respelled(cursor)) <= MAX_LENGTH == 256


@given(st.one_of(vectors, likely_vectors))
def test_cursor_has_two_spellings(vector: list[Position]) -> None:
    cursor = encode_positions(vector)
    assert respelled(respelled(cursor)) == cursor != respelled(cursor)
    assert decode_positions(respelled(cursor), len(vector)) == decode_positions(cursor, len(vector))


@given(likely_vectors)
def test_positions_of_a_cursor_survive_the_next_one(vector: list[Position]) -> None:
    """A session that resumes has the positions of its cursor, and answers with a cursor of them."""
    found = decode_positions(encode_positions(vector), len(vector))
    assert found is not None
    assert not any(lowered(found))


@given(st.one_of(vectors, likely_vectors), st.sampled_from([2, 4]))
def test_split_shard_begins_where_its_origin_was(vector: list[Position], times: int) -> None:
    found = decode_positions(encode_positions(vector), len(vector))
    assert found is not None
    split = decode_positions(encode_positions(vector), len(vector) * times)
    assert split == found * times


@given(positions)
def test_one_shard_has_the_cursors_that_it_always_had(position: Position) -> None:
    assert encode_positions([position]) == encode_cursor(*position)
    assert decode_positions(encode_cursor(*position), 1) == [decode_cursor(encode_cursor(*position))]


def test_cursor_of_more_shards_than_there_are_has_no_meaning() -> None:
    assert decode_positions(encode_positions([Position(1, NOW)] * 4), 2) is None


def test_cursor_of_64_busy_shards_is_short_and_exact() -> None:
    vector = [Position(3, NOW - number * 65_000) for number in range(64)]
    assert len(encode_positions(vector)) <= 256
    assert not any(lowered(vector))


@pytest.mark.parametrize(("events", "span", "length"), [(0, DAY, 40), (2, DAY, 56), (30, HOUR, LONG), (34, DAY, 256)])
def test_shards_without_events_share_a_milestone(events: int, span: int, length: int) -> None:
    chance = random.Random(events)
    vector = of_64([NOW, *(NOW - chance.randrange(span) for _ in range(events))])
    assert len(encode_positions(vector)) <= length
    assert not any(lowered(vector))


def test_position_of_a_shard_that_is_away_stays_exact() -> None:
    vector = of_64([NOW - 9 * DAY - 17] + [NOW - n * 90_000_000 for n in range(25)])
    assert not any(lowered(vector))
    assert len(encode_positions(vector)) <= 256


def test_positions_that_do_not_fit_are_lowered_by_half_a_milestone_from_the_oldest_on() -> None:
    vector = [Position(3, NOW - n * 150_000_001) for n in range(64)]
    by = lowered(vector)
    assert 0 < max(by) < MILESTONE // 2
    first = next(n for n, lower in enumerate(by) if lower)
    assert first > 10
    assert not any(by[:first])
    assert all(by[first:])


def test_cursors_of_the_release_before_are_read() -> None:
    """They had one form, of any length."""
    assert decode_positions("3.652e68bb34000~2~20~AAAAAC5b8nFct-TiixPXUw~1.4", 4) == [
        Position(4 if n == 1 else 3, NOW - n * 777_777_777) for n in range(4)
    ]
    packed = "AAAAAAAuW_JxBct-TiCLE9dTC5b8nEDny7w1EWJ66mFEg6EXFy35OIGhO4X5HPl3hqH982rbIsT11MJaq0-9KJB0IuK3YzSfLlvycQMUGxmBNCdwvyNw0v5jOfLvDUPNiuNFP75tW2QqQsgnRYnrqYSG-q0JS1Vp96TjspHrUSDoRcVAanbNVuxmk-WdIluvXLfk4gX52kCRYoNjMCZWkiVzaE7hfkazSgpVbhpfzGcQAe83c-XeGodsudQZebFcaKfJcbj7f3zatsgmKZ3dhUhZBOiC4YK_ixPXUwjfmWehkN9VoSk8UUyDlqrT70mZCTFlnHZSPWn1wRZHokHQi4pSePspqA1O2aqvMOALrdjNJ8sL6MTts6RLdetooKnP"  # noqa: E501
    assert decode_positions(f"3.652e68bb34000~6~24~{packed}~5.4", 64) == [
        Position(4 if n == 5 else 3, NOW - n * 777_777_777) for n in range(64)
    ]


@given(st.text(alphabet="0123456789abcdef.~-_AZ=", max_size=60))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    for shards in (1, 2, 64):
        found = decode_positions(text, shards)
        assert found is None or len(found) == shards


@given(st.lists(likely, min_size=64, max_size=64), st.data())
def test_any_changed_cursor_is_a_cursor_or_none(vector: list[Position], data: st.DataObject) -> None:
    cursor = encode_positions(vector)
    place = data.draw(st.integers(0, len(cursor)))
    changed = cursor[:place] + data.draw(st.sampled_from(["", "A", "_", "~", "9"])) + cursor[place + 1 :]
    found = decode_positions(changed, 64)
    assert found is None or all(version >= 0 and epoch >= 0 for epoch, version in found)


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
        "1.5~1A",
        "1.5~1",
        "1.5~",
        "1.5~7AAAAAA",
        "1.5~1AAAAAAAAAAAA",
        "1.5~1A\u00e4AA",
    ],
)
def test_malformed_cursors_are_none(text: str) -> None:
    assert decode_positions(text, 2) is None
