"""The terms under which a text is found. Queries are made of the same terms (search_query.py).

A text has as terms
* its words, folded. Every word is also found by its beginning;
* the ends of a word that begin within it: at a capital letter or a digit (``parseHTML5``);
* pairs of letters, in scripts without spaces, and the last letter of each run;
* the stems of its words, in its language, and in Arabic and Hebrew its words without prefixes, and in Hindi their other
  spellings;
* words and numbers written apart, together: ``e-mail``, ``don't``, ``1,234,567``;
* words with umlauts, as they are written without: ``Mueller``;
* the parts of a word between marks that are characters of their own: many programs split it there;
* words with the signs directly before or after them (``-5``, ``--force``, ``c++``), and groups of only such signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from app.core.search_nasals import other_spellings
from app.core.search_prefixes import without_prefixes
from app.core.search_stems import stems_in
from app.core.search_text import (
    LETTER,
    MARKS,
    SIGN,
    UNSPACED,
    UNSPACED_PIECE,
    fold,
    fold_case,
    plain,
    spelled_out,
    words,
)

# Raise this whenever a text gets other terms than before. Workers then index all messages again.
ANALYSER = 3
MAX_TERM = 48  # characters; longer terms are cut, in queries too
ENOUGH = 4 * MAX_TERM  # of a word, to fold it to a whole term: folding makes few texts shorter
MAX_PARTS = 12  # of one word; then only parts of LONG_PART letters
LONG_PART = 3
MAX_SIGNS = 2
# Signs that belong to a word: a query with one finds only texts with it.
SIGNS = r"#@$%&+\-=~^*/\\|<>"
LEADING, TRAILING = rf"[{SIGNS}.]", rf"[{SIGNS}]"
_HAS_SIGNS = re.compile(rf"[{SIGNS}]|\.\w")  # not the full stop of a sentence


# All patterns take time proportional to the text: a word is tried only from its beginning, and of signs before it only
# those that count.
def _beside_signs(letter: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    leading = re.compile(rf"({LEADING}{{1,{MAX_SIGNS}}})({letter}+)")
    return leading, re.compile(rf"(?<!{letter})({letter}+)({TRAILING}+)")


_SIGNED, _ASCII_SIGNED = _beside_signs(LETTER), _beside_signs("[A-Za-z0-9]")  # the second takes a tenth of the time
_ONLY_SIGNS = re.compile(r"(?:^|(?<=\s))[^\w\s]+(?=\s|$)")
_TRAILING = re.compile(TRAILING)
_BETWEEN_MARKS = re.compile(r"[^\W_]+")
JOINED = re.compile(rf"(?<!{LETTER})(?:{LETTER}+['-])+{LETTER}+")
_GROUPED = re.compile(r"(?<![0-9])[0-9]{1,3}(?:[.,'_ ][0-9]{3}(?![0-9]))+")
# Hebrew acronyms have a sign before their last letter, which most people write as a quotation mark.
_ACRONYM = re.compile('(?<![\u05d0-\u05ea])[\u05d0-\u05ea]{1,8}"[\u05d0-\u05ea](?![\u05d0-\u05ea])')
_JOINTS = re.compile(r"""[.,'"_ -]""")


def terms_of(text: str) -> set[str]:
    """Returns the terms of a text."""
    cased = plain(text)
    folded = fold_case(cased)
    found: set[str] = set()
    whole: list[str] = []
    for word in words(cased):
        low = word.lower() if word.isascii() else fold_case(word)
        if low.isascii():
            whole.append(low)
        else:
            whole += _pieces_of(low, found)
        if len(word) > 1 and _is_mixed(word, low):
            found.update(end[:MAX_TERM] for end in _all_ends(word))
    found.update(word[:MAX_TERM] for word in whole)
    found.update(stem[:MAX_TERM] for stem in stems_in(whole))
    if not text.isascii():
        found.update(end[:MAX_TERM] for word in whole for end in without_prefixes(word))
        found.update(other[:MAX_TERM] for word in whole for other in other_spellings(word))
    found.update(term[:MAX_TERM] for term in _signed(folded))
    found.update(_together(folded))
    if (spelled := spelled_out(text)) is not None:
        found.update(word[:MAX_TERM] for word in words(fold(spelled)) if word.isascii())
    if not text.isascii() and MARKS.search(text):
        for piece in _BETWEEN_MARKS.findall(text):
            for word in words(fold(piece)):
                found.update(part[:MAX_TERM] for part in _pieces_of(word, found))
    return found


def _together(folded: str) -> Iterator[str]:
    if "'" in folded or "-" in folded:
        yield from (together(joined)[:MAX_TERM] for joined in JOINED.findall(folded))
    if '"' in folded:
        yield from (together(acronym) for acronym in _ACRONYM.findall(folded))
    yield from (together(grouped)[:MAX_TERM] for grouped in _GROUPED.findall(folded))


def together(joined: str) -> str:
    """Returns the text without the marks between its words or groups of digits."""
    return _JOINTS.sub("", joined)


def pairs(run: str) -> list[str]:
    """Returns the pairs of letters of a run without spaces; a single letter by itself."""
    return [run[n : n + 2] for n in range(len(run) - 1)] or [run]


def _pieces_of(word: str, found: set[str]) -> list[str]:
    """Returns the parts of a word that are words. Adds the terms of parts in scripts without spaces to ``found``."""
    others = []
    for piece in UNSPACED_PIECE.findall(word):
        if UNSPACED.match(piece):
            found.update(pairs(piece))
            found.add(piece[-1])
        else:
            others.append(piece)
    return others


def _is_mixed(word: str, low: str) -> bool:
    """Returns whether a word may have parts: it has capitals after the first letter, or digits and letters."""
    return word[1:] != low[1:] or (not word.isalpha() and not word.isdigit())


def _all_ends(word: str) -> Iterator[str]:
    for piece in (word,) if word.isascii() else UNSPACED_PIECE.findall(word):
        if not UNSPACED.match(piece):
            yield from ends_of(piece)


def ends_of(word: str) -> list[str]:
    """Returns the ends of a word that begin at a capital letter, at a digit after a letter, or at a letter after a
    digit. The word has its case, the ends are folded. Of long ends, there is more than a term can have.
    """
    places = [n for n in range(1, len(word)) if _begins_part(word, n)]
    kept = [
        place
        for number, (place, end) in enumerate(pairwise([*places, len(word)]))
        if number < MAX_PARTS or end - place >= LONG_PART
    ]
    return [fold_case(word[place : place + ENOUGH]) for place in kept]


def _begins_part(word: str, n: int) -> bool:
    before, here = word[n - 1], word[n]
    if here.isdigit() != before.isdigit():
        return here.isdigit() or here.isalpha()
    if not here.isupper():
        return False
    return not before.isupper() or (n + 1 < len(word) and word[n + 1].islower())


def _signed(folded: str) -> Iterator[str]:
    if not _HAS_SIGNS.search(folded):
        return
    led, trailed = _ASCII_SIGNED if folded.isascii() else _SIGNED
    for signs, word in led.findall(folded):
        yield from (signs[-n:] + word for n in range(1, len(signs) + 1))
    for word, signs in trailed.findall(folded):
        yield from (word + signs[:n] for n in range(1, min(len(signs), MAX_SIGNS) + 1))
    yield from filter(_TRAILING.search, _ONLY_SIGNS.findall(folded))


def is_sign(word: str) -> bool:
    """Returns whether the word is an emoji or another sign that stands for itself."""
    return re.fullmatch(SIGN, word) is not None
