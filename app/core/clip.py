"""Shortens a text without cutting a character in two: an emoji of several code points, a letter with its accents."""

from __future__ import annotations

import unicodedata

# Even the longest emoji, such as a family, have fewer code points.
_LONGEST = 32
_JOINER = "\u200d"


def clipped(text: str, characters: int) -> str:
    """Returns the beginning of the text: at most this many code points, and only whole characters. If a single
    character is longer than 32 code points, it is cut.
    """
    if len(text) <= characters:
        return text
    for end in range(characters, max(0, characters - _LONGEST), -1):
        if _is_boundary(text, end):
            return text[:end]
    return text[:characters]


def _is_boundary(text: str, at: int) -> bool:
    """Returns whether a character begins at ``at``, inside the text."""
    before, after = text[at - 1], text[at]
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, at) % 2 == 0
    return before != _JOINER and not _continues(after)


def _continues(character: str) -> bool:
    """Returns whether the code point belongs to the character before it: a mark, a joiner, a skin tone or a tag."""
    category = unicodedata.category(character)
    is_tone_or_tag = "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"
    return category[0] == "M" or character in "\u200c\u200d" or is_tone_or_tag


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    begin = at
    while begin > 0 and _is_flag_letter(text[begin - 1]):
        begin -= 1
    return at - begin
