"""Hindi, Marathi and Nepali write a nasal before a consonant in two ways: as a letter (हिन्दी) or as a sign (हिंदी)."""

from __future__ import annotations

import re

_ANUSVARA, _VIRAMA = "\u0902", "\u094d"
# The nasal of each row of consonants, and the first and last of the row.
_ROWS = (("ङ", "क", "घ"), ("ञ", "च", "झ"), ("ण", "ट", "ढ"), ("न", "त", "ध"), ("म", "प", "भ"))
_AS_LETTER = re.compile("|".join(f"{nasal}{_VIRAMA}(?=[{first}-{last}])" for nasal, first, last in _ROWS))
_AS_SIGN = tuple((re.compile(f"{_ANUSVARA}(?=[{first}-{last}])"), nasal + _VIRAMA) for nasal, first, last in _ROWS)


def other_spellings(word: str) -> set[str]:
    """Returns the folded word with all its nasals as signs, and with all as letters, without the word itself."""
    as_letters = word
    for sign, letter in _AS_SIGN:
        as_letters = sign.sub(letter, as_letters)
    return {_AS_LETTER.sub(_ANUSVARA, word), as_letters} - {word}
