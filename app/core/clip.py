"""Shortens a text, and extends a piece of one, without cutting a character in two: an emoji of several code points, a
letter with its accents.
"""

from __future__ import annotations

import re
import unicodedata

# Even the longest emoji, such as a family, have fewer code points.
_LONGEST = 32
_JOINER = "\u200d"
# Joiners, and letters that are drawn together with the previous one: the Thai and Lao AM, half-width voicing marks, and
# the vowels and last consonants of a Korean syllable in parts.
_JOINED = re.compile("[\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7ff]")


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


def whole_characters(text: str, start: int, end: int) -> tuple[int, int]:
    """Returns the span from ``start`` to ``end``, extended to whole characters."""
    while 0 < start < len(text) and not _is_boundary(text, start):
        start -= 1
    while 0 < end < len(text) and not _is_boundary(text, end):
        end += 1
    return start, end


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
    return category[0] == "M" or is_tone_or_tag or _JOINED.match(character) is not None


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    begin = at
    while begin > 0 and _is_flag_letter(text[begin - 1]):
        begin -= 1
    return at - begin
