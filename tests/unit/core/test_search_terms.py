"""Texts are found by themselves, by their words, by parts of them, and however their letters are written."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.search_lexemes import bucket_key, kinds_in, lexemes_of
from app.core.search_query import SearchedText, parse
from app.core.search_snippets import snippet_of
from app.core.search_terms import terms_of
from app.core.search_text import FoldedText, fold
from tests.unit.core.search_cases import OTHERS, TEXTS

_CHARACTERS: list[Sequence[str]] = [
    "abcXYZ éüßÆøıİ",
    [*"日本語カナかな", "ｶﾞ"],
    "한국어학교",
    "ไทยภาษาข้าว",
    "שלוםָׁ",
    "العربيةَُّ",
    "Ελληνικάςσ",
    "Ёёйщ",
    "हिन्दी",
    "0123456789",
    "-+#@./\\_:;,'\"’“()<>[]{}!?&%$*=~^|`",
    " \t\n",
    "🎉👍🏽👩\u200d💻🇩🇪❤\ufe0f",
    "\u200b\u200c\u00ad\u202e\ufeff",
    "ﬁ½ＡＢｃ",
    "ខ្មែរລາວမြန်မာ",
]
ANY_TEXT = st.lists(st.sampled_from(_CHARACTERS).flatmap(st.sampled_from), min_size=1, max_size=40).map("".join)


def finds(query: str, text: str) -> bool:
    parsed = parse(query)
    return bool(parsed.required) and parsed.matches(SearchedText(text))


def words_in(text: str) -> set[str]:
    """Returns the words of three characters or more, as different programs would split the text."""
    spaced = {word for word in text.split() if len(word) >= 3}
    found = spaced | set(re.findall(r"\w{3,}", text)) | set(re.findall(r"[^\W\d_]{3,}", text))
    return {word for word in found if re.search(r"[^\W_]", word)}


@pytest.mark.parametrize(("text", "queries"), TEXTS)
def test_text_is_found_by_itself_its_words_and_parts(text: str, queries: list[str]) -> None:
    assert [query for query in [text, *words_in(text), *queries] if not finds(query, text)] == []


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("wifi", "the wi-fi here", "wi-fi"),
        ("email", "an E‑Mail", "E‑Mail"),
        ("obrien", "Mr O’Brien", "O’Brien"),
        ("semicolon", "a semi\u00adcolon", "semi\u00adcolon"),
        ("zerowidth", "zero\u200bwidth", "zero\u200bwidth"),
        ("میخواهم", "می\u200cخواهم", "می\u200cخواهم"),
        ("1234567", "about 1’234’567 of", "1’234’567"),
        ("צהל", "חייל צה״ל", "צה״ל"),
        ("e-mail", "an email", "email"),
        ("cafe", "cafe\u0301s", "cafe\u0301"),
        ("👍", "👍🏽 ok", "👍🏽"),
        ("👩", "👩\u200d💻 codes", "👩\u200d💻"),
        ("💻", "👩\u200d💻 codes", "👩\u200d💻"),
        ("👧", "👨\u200d👩\u200d👧\u200d👦", "👨\u200d👩\u200d👧\u200d👦"),
        ("👁", "👁\ufe0f\u200d🗨\ufe0f", "👁\ufe0f\u200d🗨\ufe0f"),
        ("🇫🇷", "🇩🇪🇫🇷", "🇫🇷"),
        ("ก", "ก็ได้", "ก็"),
        ("น", "น้ำตาล", "น้ำ"),
        ("हिन", "हिन्दी", "हिन्"),
    ],
)
def test_whole_characters_and_words_written_apart_are_marked(query: str, text: str, marked: str) -> None:
    found = snippet_of(parse(query), text)
    assert [found.text[start : start + length] for start, length in found.highlights] == [marked]


@pytest.mark.parametrize(("query", "text"), OTHERS)
def test_other_texts_are_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


@given(ANY_TEXT)
def test_any_text_is_found_by_itself_and_its_words(text: str) -> None:
    if parse(text).required:
        assert finds(text, text)
    assert [word for word in words_in(text) if not finds(word, text)] == []


@given(ANY_TEXT)
def test_words_are_found_by_their_beginning(text: str) -> None:
    for word in re.findall(r"[a-z]{4,}", text):
        assert finds(word[:3], text)


@given(ANY_TEXT)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(ANY_TEXT, st.integers(1, 5))
def test_positions_lead_back_to_the_original(text: str, times: int) -> None:
    folded = FoldedText(text * times)
    assert folded.folded == fold(text * times)
    places = [folded.original(n) for n in range(len(folded.folded) + 1)]
    assert places == sorted(places)


@given(ANY_TEXT)
def test_index_and_text_agree(text: str) -> None:
    """The index returns a message by terms; a message that is not indexed yet is compared by its text."""
    terms = terms_of(text)
    for query in (parse(text), *map(parse, words_in(text))):
        for group in query.required:
            assert any(
                all(
                    any(
                        term.text in terms or (term.beginning and any(t.startswith(term.text) for t in terms))
                        for term in condition
                    )
                    for condition in unit.conditions
                )
                for unit in group
            )


def test_keys_of_buckets_are_ordered() -> None:
    keys = [bucket_key(bucket) for bucket in (-(64**4) // 2, -4096, -65, -64, -1, 0, 1, 63, 64, 4096, 64**4 // 2 - 1)]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {4}


def test_very_long_text_has_a_bounded_number_of_terms() -> None:
    text = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(200_000))
    lexemes = lexemes_of(text, bucket=0, conversation_id=1, sender_id=1, kinds=())
    assert sum(len(lexeme.encode()) for lexeme in lexemes) < 500_000


@pytest.mark.parametrize(
    ("body", "media", "kinds"),
    [
        ("plain", (), set()),
        ("see HTTPS://example.org", (), {"link"}),
        ("https:// is no address", (), set()),
        ("https://bank.example@evil.example is shown as text", (), set()),
        ("", ("image", "image"), {"file", "image"}),
        ("http://a.example", ("file",), {"file", "link"}),
    ],
)
def test_kinds_of_content(body: str, media: tuple[str, ...], kinds: set[str]) -> None:
    assert kinds_in(body, media) == kinds
