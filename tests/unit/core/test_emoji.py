"""Texts that are one emoji, and the form in which it is stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.emoji import checked_emoji, normal_emoji
from app.core.errors import Invalid
from dev import emoji as lists


def test_lists_are_those_of_the_package() -> None:
    assert lists.SERVER.read_text() == lists.server_list(), "python -m dev.emoji"


def test_every_emoji_has_one_form() -> None:
    for bare, full in lists.sequences().items():
        assert normal_emoji(bare) == normal_emoji(full) == full


@given(st.text(max_size=8) | st.text(st.sampled_from("👍❤\ufe0f\u200d🏽🇩🇪1\u20e3#a."), max_size=8))
def test_form_is_stable(text: str) -> None:
    form = normal_emoji(text)
    if form is None:
        with pytest.raises(Invalid):
            checked_emoji(text)
    else:
        assert normal_emoji(form) == form
