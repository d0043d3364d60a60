"""The language of queries: words, phrases, exclusions, alternatives, and signs that look like them."""

from __future__ import annotations

import time

import pytest

from app.core.search_lexemes import in_bucket, tsquery_of
from app.core.search_query import SearchedText, parse

TEXTS = [
    "a red apple",
    "a green apple",
    "an apple that is red",
    "Zoë is yellow",
    "mail@example.org /usr/share",
    "rm -rf the tree",
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("red apple", [0, 2]),
        ("apple RED", [0, 2]),
        ("app", [0, 1, 2]),
        ("apples", [0, 1, 2]),
        ('"red apple"', [0]),
        ("“red apple”", [0]),
        ("apple -red", [1]),
        ('apple -"red apple"', [1, 2]),
        ("apple -red -green", []),
        ("green or yellow", [1, 3]),
        ("green OR yellow or mail", [1, 3, 4]),
        ("green or", []),
        ("zoë", [3]),
        ("zoe", [3]),
        ("red & | ! ( ' apple", [0, 2]),
        ("<b>", []),
        ("mail@example.org", [4]),
        ("/usr/share", [4]),
        ("-rf", [5]),
        ("rm -rf", [5]),
        ("tree -rf", [5]),
        ("tree -r", [5]),
        ("--rf", []),
        ('"', None),
        ('""', None),
        ("", None),
        (" ", None),
        ("!!", None),
        ("...", None),
        ("?! ,", None),
    ],
)
def test_query(query: str, found: list[int] | None) -> None:
    parsed = parse(query)
    if found is None:
        assert not parsed.required
    else:
        assert [n for n, text in enumerate(TEXTS) if parsed.matches(SearchedText(text))] == found


def test_names_of_files_are_searched_with_the_text() -> None:
    text = SearchedText("the plan", ("Budget_2026 (final).xlsx",))
    for query in ("budget", "plan budget", "2026", "xlsx", "Budget_2026", "final", "Budget_2026 (final).xlsx"):
        assert parse(query).matches(text), query
    assert not parse("budgets_2027").matches(text)
    assert not parse('"plan budget 2025"').matches(text)


@pytest.mark.parametrize("query", ["it's", "back\\slash", "a'b\\'c' | !x & (y) <-> z:*", "'", "🎉 '' \\"])
def test_signs_of_queries_are_quoted_for_postgres(query: str) -> None:
    made = in_bucket(tsquery_of(parse(query), [["\x01c1"]]), 0)
    assert made.startswith("('")
    assert made.count("'") % 2 == 0


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("🎉" * 100 + "x", "🎉" * 30_000),
        ('"' + "ि " * 90 + 'x"', "ि " * 15_000),
        ("aa b", "#" * 30_000 + "a"),
        ("aa b", "a" * 30_000 + " x'y #"),
        ("aa b", "é" * 30_000 + " x'y #"),
        ("aa b", "é" + "." * 30_000 + "#"),
        ("aa b", "कßA" * 10_000),
    ],
)
def test_time_of_a_comparison_is_bounded(query: str, text: str) -> None:
    """Patterns that try too many ways take from several seconds to years of CPU time for these."""
    began = time.process_time()
    assert not parse(query).matches(SearchedText(text))
    assert time.process_time() - began < 1


def test_signs_are_found_with_other_signs_and_spaces_between() -> None:
    for text in ("🎉👍", "🎉 👍", "so 🎉, 👍!"):
        assert parse("🎉👍").matches(SearchedText(text)), text
        assert parse('"🎉 👍"').matches(SearchedText(text)), text
    assert not parse("🎉👍").matches(SearchedText("👍🎉"))
    assert parse('"red apple"').matches(SearchedText("red 🎉 apple"))
