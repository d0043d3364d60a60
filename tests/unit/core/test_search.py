"""Snippets: plain text with the positions of the matches."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.errors import Invalid
from app.core.search import parse_kinds
from app.core.search_query import parse
from app.core.search_snippets import SNIPPET_CHARS, snippet_of
from app.core.times import ms_of_time


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("nothing", "something else", []),
        ("b", "a b and b", ["b", "b"]),
        ("zoe", "😀 Zoë", ["Zoë"]),
        ("strasse", "die Straße", ["Straße"]),
        ("runs", "running and ran", ["running"]),
        ("上海", "我家在上海东边", ["上海"]),
        ("ハンバーガー", "ﾊﾝﾊﾞｰｶﾞｰを食べた", ["ﾊﾝﾊﾞｰｶﾞｰ"]),
        ("cafe", "le Cafe\u0301 noir", ["Cafe\u0301"]),
        ("http", "parseHTTPRequest", ["HTTP"]),
        ("example.org", "see https://example.org/a", ["example.org"]),
        ("red apple", "a red apple", ["red", "apple"]),
        ("lunch lun", "lunches", ["lunch"]),
        ("one or two", "two", ["two"]),
    ],
)
def test_matches_are_marked_in_the_original(query: str, text: str, marked: list[str]) -> None:
    snippet = snippet_of(parse(query), text)
    assert snippet.text == text
    assert [text[start : start + length] for start, length in snippet.highlights] == marked


@pytest.mark.parametrize("before", ["", "x" * 1000, "word " * 300])
def test_long_text_is_cut_around_the_first_match(before: str) -> None:
    snippet = snippet_of(parse("needle"), f"{before} needle {'y' * 5000} needle")
    assert len(snippet.text) <= SNIPPET_CHARS
    [(start, length)] = snippet.highlights
    assert snippet.text[start : start + length] == "needle"


def test_long_text_is_not_cut_within_an_emoji() -> None:
    family = "👩\u200d👩\u200d👧\u200d👦"
    for shift in range(12):
        snippet = snippet_of(parse("needle"), f"{'x' * shift}{family * 60}needle{'y' * 400}")
        assert snippet.text.startswith(family)


@pytest.mark.parametrize("symbol", ["👩\u200d👩\u200d👧\u200d👦", "🇫🇷", "e\u0301", "👍🏽"])
def test_long_text_does_not_end_within_a_character(symbol: str) -> None:
    for shift in range(12):
        snippet = snippet_of(parse("needle"), f"needle {'x' * shift}{symbol * 200}")
        assert snippet.text.endswith(symbol)


def test_match_longer_than_the_snippet_is_cut() -> None:
    word = "y" * 5000
    snippet = snippet_of(parse(word), f"a {word}")
    [(start, length)] = snippet.highlights
    assert start + length == len(snippet.text) <= SNIPPET_CHARS


def test_name_of_a_file_is_shown_if_only_that_matches() -> None:
    names = ("a.png", "Budget 2026.xlsx")
    assert snippet_of(parse("budget"), "the plan", names) == ("Budget 2026.xlsx", [(0, 6)])
    assert snippet_of(parse("plan"), "the plan", names) == ("the plan", [(4, 4)])
    assert snippet_of(parse(""), "the plan", names) == ("the plan", [])


def test_times_are_dates_or_have_a_zone() -> None:
    midnight = int(datetime(2026, 11, 29, tzinfo=UTC).timestamp()) * 1000
    for text in ("2026-11-29", "2026-11-29T01:00:00+01:00", "2026-11-29T00:00:00Z"):
        assert ms_of_time(text, "before", needs_zone=True) == midnight
    for text in ("yesterday", "2026-13-01", "2026-11-22T15:04:05", "20261129", "2026-11-9", "0000-00-00"):
        with pytest.raises(Invalid) as raised:
            ms_of_time(text, "before", needs_zone=True)
        assert [error["field"] for error in raised.value.extra["errors"]] == ["before"]


def test_kinds_are_separated_by_commas() -> None:
    assert parse_kinds("file, link") == ("file", "link")
    with pytest.raises(Invalid) as raised:
        parse_kinds("file,poll")
    assert "must be some of" in raised.value.message
