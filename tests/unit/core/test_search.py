"""Snippets: plain text with the positions of the matches."""

from __future__ import annotations

import pytest

from app.core.search import FOUND_BEGINS, FOUND_ENDS, SNIPPET_CHARS, read_snippet


def marked(text: str) -> str:
    return text.replace("[", FOUND_BEGINS).replace("]", FOUND_ENDS)


@pytest.mark.parametrize(
    ("given", "text", "highlights"),
    [
        ("", "", []),
        ("nothing here", "nothing here", []),
        ("[one]", "one", [(0, 3)]),
        ("a [b] and [cd] e", "a b and cd e", [(2, 1), (8, 2)]),
        ("[a][b]", "ab", [(0, 1), (1, 1)]),
        ("😀 [zoë]", "😀 zoë", [(2, 3)]),
        ("cut [off", "cut off", [(4, 3)]),
    ],
)
def test_highlights_are_counted_in_characters(given: str, text: str, highlights: list[tuple[int, int]]):
    assert read_snippet(marked(given)) == (text, highlights)


@pytest.mark.parametrize("before", [0, 10, 1000])
def test_long_word_is_cut_around_the_match(before: int):
    text, highlights = read_snippet(marked("x" * before + "[needle]" + "y" * 5000))
    assert len(text) == SNIPPET_CHARS
    [(start, length)] = highlights
    assert text[start : start + length] == "needle"


def test_highlights_outside_the_snippet_are_cut():
    text, highlights = read_snippet(marked("[a]" + "y" * 5000 + "[b]"))
    assert (len(text), highlights) == (SNIPPET_CHARS, [(0, 1)])
    text, highlights = read_snippet(marked("[" + "y" * 5000 + "]"))
    assert highlights == [(0, SNIPPET_CHARS)]
