"""A shortened text ends with a whole character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.clip import clipped, whole_characters

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "characters", "kept"),
    [
        ("abc", 2, "ab"),
        ("abc", 3, "abc"),
        (f"ab{FAMILY}", 3, "ab"),
        (f"ab{FAMILY}", 6, "ab"),
        (f"ab{FAMILY}c", 7, f"ab{FAMILY}"),
        ("👍🏽!", 1, "👍"),
        ("x👍🏽!", 2, "x"),
        ("❤️❤️", 3, "❤️"),
        ("🇩🇪🇫🇷", 3, "🇩🇪"),
        ("e\u0301e\u0301", 3, "e\u0301"),
        ("a" + "\u0301" * 100, 50, "a" + "\u0301" * 49),
        ("", 5, ""),
        ("ab น้ำ", 5, "ab "),
        ("ກຳກຳ", 3, "ກຳ"),
        ("ｶﾞｶﾞ", 3, "ｶﾞ"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", 5, "\u1112\u1161\u11ab"),
    ],
    ids=ascii,
)
def test_only_whole_characters_are_kept(text: str, characters: int, kept: str) -> None:
    assert clipped(text, characters) == kept


@given(st.text(st.sampled_from("a👍🏽\u200d\ufe0f🇩🇪e\u0301"), max_size=40), st.integers(1, 40))
def test_a_beginning_is_kept(text: str, characters: int) -> None:
    kept = clipped(text, characters)
    assert text.startswith(kept)
    assert min(len(text), max(1, characters - 31)) <= len(kept) <= characters or not text


@pytest.mark.parametrize(
    ("text", "span", "whole"),
    [
        (f"a{FAMILY}b", (2, 3), (1, 6)),
        ("x👍🏽y", (1, 2), (1, 3)),
        ("e\u0301x", (0, 1), (0, 2)),
        ("🇩🇪🇫🇷", (2, 3), (2, 4)),
        ("🇩🇪🇫🇷", (1, 3), (0, 4)),
        ("abc", (1, 2), (1, 2)),
        ("abc", (0, 3), (0, 3)),
        ("", (0, 0), (0, 0)),
    ],
)
def test_span_is_extended_to_whole_characters(text: str, span: tuple[int, int], whole: tuple[int, int]) -> None:
    assert whole_characters(text, *span) == whole
