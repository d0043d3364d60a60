"""Names that deceive are refused, honest names of all scripts are not."""

from __future__ import annotations

import pytest

from app.core.accounts import checked_display_name, normal_username, showable
from app.core.errors import Invalid
from app.core.groups import checked_name

INVISIBLE = ["a\u200bb", "\u3164", "x\u2060", "\ufeffname", "a\u00ad", "\u2800", "\u200dname", "\U000e0041a"]


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
def test_invisible_characters_are_refused(name: str) -> None:
    for check in (checked_display_name, checked_name):
        with pytest.raises(Invalid):
            check(name)
    assert "\u200b" not in showable(name)


@pytest.mark.parametrize("name", ["p\u0430ypal", "Sup\u0440ort", "\u0391dmin", "the \u0430dmin"], ids=ascii)
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
    ],
)
def test_honest_names_are_accepted(name: str) -> None:
    assert checked_display_name(name) == name


@pytest.mark.parametrize("name", ["admin", "System", "support", "all", "EVERYONE", "here", "channel", "deleted-1"])
def test_reserved_usernames_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        normal_username(name)
