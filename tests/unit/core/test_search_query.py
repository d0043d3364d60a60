"""The language of queries: words, phrases, exclusions, alternatives, and signs that look like them."""

from __future__ import annotations

import time
from collections.abc import Callable

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
    ("query", "text_of"),
    [
        ("🎉" * 100 + "x", lambda size: "🎉" * size),
        ('"' + "ि " * 90 + 'x"', lambda size: "ि " * (size // 2)),
        ("aa b", lambda size: "#" * size + "a"),
        ("aa b", lambda size: "a" * size + " x'y #"),
        ("aa b", lambda size: "é" * size + " x'y #"),
        ("aa b", lambda size: "é" + "." * size + "#"),
        ("aa b", lambda size: "कßA" * (size // 3)),
    ],
)
def test_time_of_a_comparison_is_proportional_to_the_text(query: str, text_of: Callable[[int], str]) -> None:
    """For eight times the text, a pattern that tries too many ways takes at least 64 times as long. A busy machine does
    not change a factor of 8 to 30.
    """

    def seconds(size: int) -> float:
        began = time.process_time()
        assert not parse(query).matches(SearchedText(text_of(size)))
        return time.process_time() - began

    short = min(seconds(3_750) for _ in range(3))
    assert min(seconds(30_000) for _ in range(3)) < 30 * max(short, 0.001)


def test_signs_are_found_with_other_signs_and_spaces_between() -> None:
    for text in ("🎉👍", "🎉 👍", "so 🎉, 👍!"):
        assert parse("🎉👍").matches(SearchedText(text)), text
        assert parse('"🎉 👍"').matches(SearchedText(text)), text
    assert not parse("🎉👍").matches(SearchedText("👍🎉"))
    assert parse('"red apple"').matches(SearchedText("red 🎉 apple"))
