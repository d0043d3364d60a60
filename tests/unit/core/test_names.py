"""Names that deceive are refused, honest names of all scripts are not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.accounts import checked_display_name, normal_username, showable
from app.core.errors import Invalid
from app.core.groups import checked_name
from app.core.names import is_plain, shown

UNSHOWN = {
    "zero width space": "\u200b",
    "zero width space inside": "a\u200bb",
    "braille blank": "\u2800",
    "hangul filler": "\u3164",
    "half-width hangul filler": "a\uffa0b",
    "soft hyphen": "\u00ad",
    "word joiner": "x\u2060",
    "byte order mark": "\ufeffname",
    "grapheme joiner": "a\u034fb",
    "tags": "\U000e0041a",
    "tags without their flag": "a\U000e0067\U000e0062\U000e007f",
    "joiner at the beginning": "\u200dname",
    "joiner at the end": "name\u200d",
    "joiner between latin letters": "a\u200db",
    "non-joiner between latin letters": "a\u200cb",
    "joiner after an emoji": "👩\u200d",
    "non-joiner within an emoji": "👩\u200c💻",
    "variation selector after a letter": "a\ufe0f",
    "variation selector of an ideograph after a letter": "a\U000e0100",
    "variation selector alone": "\ufe0f",
    "right-to-left override": "Pay\u202emaet",
    "right-to-left isolate": "x\u2067y",
    "left-to-right mark": "x\u200ey",
    "arabic letter mark": "x\u061cy",
    "newline": "a\nb",
    "line separator": "a\u2028b",
    "escape": "a\x1bb",
    "control of C1": "a\x9bb",
    "tab": "a\tb",
    "null": "a\0b",
    "half a surrogate": "a\ud800",
    "noncharacter": "a\uffff",
    "annotation": "a\ufff9b\ufffbc",
    "accent without a letter": "\u0301",
    "pile of accents": "a" + "\u0316" * 20,
    "pile of enclosing signs": "a" + "\u0489" * 20,
    "pile of different marks": "a" + "\u0301\u20dd" * 10,
    "pile of vowel signs": "क" + "\u0903\u0901" * 10,
    "pile of marks with joiners between them": "क" + "\u0901\u200d" * 10,
    "pile of accents with an invisible character inside": "a" + "\u0316" * 8 + "\u200b" + "\u0316" * 8,
    "accent before the first letter": "\u0301Bob",
    "enclosing sign before the first letter": " \u20ddBob",
    "no-break spaces": "\u00a0\u3000",
    "musical format": "a\U0001d173b",
}


@pytest.mark.parametrize("name", UNSHOWN.values(), ids=UNSHOWN)
def test_names_that_do_not_show_are_refused(name: str) -> None:
    for check in (checked_display_name, checked_name):
        with pytest.raises(Invalid):
            check(name)
    assert showable(name) in ("", shown(name))
    assert shown(shown(name)) == shown(name)


@given(st.text(max_size=30))
def test_shown_is_plain_or_empty(name: str) -> None:
    clean = shown(name)
    assert clean == "" or (is_plain(clean) and shown(clean) == clean)
    assert all(c.isprintable() or unicodedata.category(c) in ("Zs", "Cf", "Cn", "Co") for c in clean)


def test_composed_and_decomposed_names_are_the_same() -> None:
    assert checked_display_name(" Zoe\u0308 ") == "Zoë"


@pytest.mark.parametrize(
    "name",
    [
        "p\u0430ypal",
        "Sup\u0440ort",
        "\u0391dmin",
        "the \u0430dmin",
        "g\u0585\u0585gle",
        "\ua4eedmin",
        "a\u15eamin",
        "g\u2d54\u2d54gle",
        "\U00010404bama",
        "\u13aadmin",
        "\U000102a0dmin",
    ],
    ids=ascii,
)
def test_words_of_lookalike_letters_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_display_name(name)
    assert showable(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace",
        "Олександр",
        "Алекс Smith",
        "Ελένη",
        "田中ゆき",
        "ヨーコ Ono",
        "김철수",
        "José-María",
        "عائشة",
        "नेहा",
        "क्\u200dष",
        "👩\u200d💻 Dev",
        "Zoë ❤️",
        "Ünal Kaya 2",
        "می\u200cخواهم",
        "ශ්\u200dරී",
        "葛\U000e0100城",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f Ann",
        "❤️\u200d🔥",
        "🧑🏽\u200d🚀",
        "🙂\u200d↔️",
        "Team 1️⃣",
        "ᠮᠣᠩ\u180bᠭᠣᠯ",
        "ผู้ใหญ่",
        "Nguyễn Thị",
        "അവന്\u200d",
        "അവന്\u200d നായര്\u200d",
        "Team ירושלים",
        "בITט",
        "Tokyo東京",
        "กbข",
        "בְּרֵאשִׁ֖ית",
    ],
)
def test_honest_names_are_accepted(name: str) -> None:
    composed = unicodedata.normalize("NFC", name)
    assert checked_display_name(name) == composed == shown(name)


@pytest.mark.parametrize(
    "name",
    [
        *("admin", "System", "support", "all", "EVERYONE", "here", "channel", "deleted-1", "support.", "-admin-"),
        *("s.y.s.t.e.m", "sys-tem", "_online_", "a..l..l", "Every.One"),
    ],
)
def test_reserved_usernames_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        normal_username(name)
