"""Words that Arabic and Hebrew write together with the word after them: "and", "in", "the" and others.

The stemmers leave most of them, and there is none for Hebrew. So a word is also found without them: "ירושלים" finds
"בירושלים".
"""

from __future__ import annotations

import re

SHORTEST = 3  # letters that must be left; fewer are rarely a word
MAX_HEBREW = 3
_HEBREW = re.compile("[\u05d0-\u05ea]{4,}")
_HEBREW_PREFIX = re.compile(f"[והבכלמש]{{1,{MAX_HEBREW}}}")
_ARABIC = re.compile("[\u0621-\u064a]{4,}")
# "and" or "so", then the article with or without a preposition.
_ARABIC_PREFIX = re.compile("([وف]?)([بك]?ال|لل)?")


def without_prefixes(word: str) -> list[str]:
    """Returns the ends of a folded word that may be words."""
    places: list[int] = []
    if _HEBREW.fullmatch(word) and (match := _HEBREW_PREFIX.match(word)):
        places = list(range(1, match.end() + 1))
    elif _ARABIC.fullmatch(word) and (match := _ARABIC_PREFIX.match(word)):
        places = [place for place in (match.end(1), match.start(2), match.end(2)) if place > 0]
    return [word[place:] for place in dict.fromkeys(places) if len(word) - place >= SHORTEST]
