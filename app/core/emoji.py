"""Emoji: which texts are exactly one, and the one form in which each is stored.

An emoji is one of the sequences that Unicode recommends (RGI), among them flags, keycaps, skin tones and families. It
may be written with or without variation selectors; the stored form has those of Unicode's list ("fully qualified").
``emoji.txt`` holds the list, and ``python -m dev.emoji`` writes it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from app.core.errors import Invalid

_LIST = Path(__file__).with_name("emoji.txt")
_SELECTORS = re.compile("[\ufe0e\ufe0f]")


def normal_emoji(text: str) -> str | None:
    """Returns the stored form of the emoji, or None if the text is not exactly one emoji."""
    return _forms().get(_SELECTORS.sub("", text))


def checked_emoji(text: str) -> str:
    """Returns the stored form of the emoji. Raises Invalid if the text is not exactly one emoji."""
    emoji = normal_emoji(text)
    if emoji is None:
        raise Invalid.field("emoji", "exactly one emoji")
    return emoji


@cache
def _forms() -> dict[str, str]:
    """Maps each emoji without variation selectors to its stored form. Takes half a megabyte once it is used."""
    return {_SELECTORS.sub("", emoji): emoji for emoji in _LIST.read_text(encoding="utf-8").split()}
