"""Parses a search query into conditions on terms (search_terms.py) and on the folded text.

* Each word must occur; the beginning of a word is enough, and another form of it as well ("running", "runs").
* A word of several parts ("e-mail") may also be written together.
* A piece with signs or several words in it ("std::vector<int>", "-5", a URL) must occur as it is.
* ``"several words"`` must follow each other.
* ``-word`` excludes messages with the word, if another word must occur. Messages that contain "-word" itself are found:
  so every text finds itself. Before a digit, or doubled, the minus is a sign like the others.
* ``this or that`` finds both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from app.core.search_stems import stems_of
from app.core.search_terms import JOINED, MAX_SIGNS, MAX_TERM, SIGNS, is_sign, pairs, terms_of, together
from app.core.search_text import LETTER, SIGN, UNSPACED, UNSPACED_PIECE, fold, plain, words

# At the edges of a piece, these belong to the sentence and not to the word.
_EDGE = "\"'`()[]{},;:!?…¿¡、。，．！？：；「」『』（）【】〈〉《》・،؛؟।॥։׃"
_PIECE = re.compile(r'-?"[^"]*"(?=\s|$)|\S+')
_EXCLUDED = re.compile(r"-(?![-\d])(?=\S)")


class Term(NamedTuple):
    text: str
    beginning: bool  # the term only begins with the text


Condition = tuple[Term, ...]  # one of them


class Unit(NamedTuple):
    """A piece of a query. All ``conditions`` must hold, and ``pattern`` must match the folded text, if there is one.

    ``shown`` matches the words that the reader should see marked. It has alternatives from the best to the worst.
    """

    conditions: tuple[Condition, ...]
    pattern: re.Pattern[str] | None
    shown: tuple[re.Pattern[str], ...]
    is_sign: bool = False  # no letter, digit or emoji: "&&"


class Exclusion(NamedTuple):
    unit: Unit
    unless: str  # the folded text that keeps a message


class SearchedText:
    """The searchable text of a message: its body and the names of its files."""

    def __init__(self, body: str, filenames: tuple[str, ...] = ()) -> None:
        self._whole = "\n".join((body, *filenames))

    @cached_property
    def folded(self) -> str:
        return fold(self._whole)

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(terms_of(self._whole))

    def meets(self, condition: Condition) -> bool:
        return any(
            term.text in self.terms or (term.beginning and any(one.startswith(term.text) for one in self.terms))
            for term in condition
        )


class Query(NamedTuple):
    """``required``: of each group, one unit. ``excluded``: none of them."""

    required: tuple[tuple[Unit, ...], ...]
    excluded: tuple[Exclusion, ...]

    def matches(self, text: SearchedText, *, has_terms: bool = False) -> bool:
        """Returns whether the text is found. ``has_terms``: an index has found it by the terms of this query."""
        one_word_each = has_terms and all(len(group) == 1 for group in self.required)
        required = all(any(_meets(unit, text, has_terms=one_word_each) for unit in group) for group in self.required)
        return required and not any(_excludes(exclusion, text) for exclusion in self.excluded)

    @property
    def units(self) -> tuple[Unit, ...]:
        return tuple(unit for group in self.required for unit in group)


def parse(query: str) -> Query:
    """Returns the parsed query. It requires nothing if the query contains no word."""
    pieces = _PIECE.findall(plain(query))
    excluded = [piece for piece in pieces if _EXCLUDED.match(piece)]
    if len(excluded) == len(pieces):
        excluded = []
    groups = _groups([piece for piece in pieces if piece not in excluded])
    with_words = tuple(group for group in groups if not all(unit.is_sign for unit in group))
    required = with_words or groups  # "red & blue" finds "red, blue"
    return Query(required, tuple(_exclusions(excluded)) if required else ())


def _groups(pieces: list[str]) -> tuple[tuple[Unit, ...], ...]:
    groups: list[tuple[Unit, ...]] = []
    joins = False
    for number, piece in enumerate(pieces):
        unit = unit_of(piece)
        if piece.lower() == "or" and groups and number < len(pieces) - 1:
            joins = True
        elif unit is not None:
            before = groups.pop() if joins else ()
            groups.append((*before, unit, *_written_together(piece)))
            joins = False
    return tuple(groups)


def _written_together(piece: str) -> Iterator[Unit]:
    core = _without_edges(fold(piece))
    if JOINED.fullmatch(core) and (unit := unit_of(together(core))):
        yield unit


def _exclusions(pieces: list[str]) -> Iterator[Exclusion]:
    for piece in pieces:
        unit = unit_of(piece[1:])
        if unit is not None:
            yield Exclusion(unit, fold(piece))


def unit_of(piece: str) -> Unit | None:
    """Returns the unit for a piece of a query, or None if there is nothing to find in it."""
    folded = fold(piece)
    quoted = len(folded) > 1 and folded[0] == folded[-1] == '"'
    core = _without_edges(folded[1:-1] if quoted else folded)
    found = words(core)
    if not found:
        return _signs_only(folded)
    leading, trailing = core[: core.index(found[0])], core[core.rindex(found[-1]) + len(found[-1]) :]
    conditions = [*_word_conditions(found), *_sign_conditions(found, leading, trailing)]
    stems: frozenset[str] = frozenset()
    if len(found) == 1 and not leading and not trailing and not quoted:
        word = found[0]
        if not UNSPACED.search(word) and len(word) <= MAX_TERM:
            stems = stems_of(word)
            alternatives = *conditions[0], *(Term(stem[:MAX_TERM], beginning=False) for stem in stems - {word})
            return Unit((alternatives,), None, _shown_word(word, stems))
    pattern = re.compile(re.escape(leading) + _in_sequence(found) + re.escape(trailing))
    return Unit(tuple(conditions), pattern, (pattern,))


def _signs_only(folded: str) -> Unit | None:
    term = folded[:MAX_TERM]
    if term not in terms_of(folded):
        return None
    pattern = re.compile(re.escape(folded))
    return Unit(((Term(term, beginning=False),),), pattern, (pattern,), is_sign=True)


def _without_edges(piece: str) -> str:
    return piece.strip().lstrip(_EDGE).rstrip(_EDGE + ".")


def _in_sequence(found: list[str]) -> str:
    """Returns a pattern for these words with anything between them that is not a word."""
    made = re.escape(found[0])
    for before, word in pairwise(found):
        made += _between(before, word) + ("*" if is_sign(before) or is_sign(word) else "+") + re.escape(word)
    return made


def _between(before: str, word: str) -> str:
    """Returns a pattern for one character between two words, which begins neither of them.

    Otherwise, the comparison of a query of many signs with a text of signs could take forever.
    """
    kinds = {SIGN if is_sign(one) else LETTER for one in (before, word) if not one[0].isalnum()}
    return rf"(?:(?!{'|'.join(sorted(kinds))})[\W_])" if kinds else r"[\W_]"


def _split(found: list[str]) -> Iterator[str]:
    for word in found:
        yield from UNSPACED_PIECE.findall(word)


def _word_conditions(found: list[str]) -> list[Condition]:
    """Single letters are left out beside longer words: they would select nothing, and may be part of a longer word."""
    conditions: list[Condition] = []
    for piece in _split(found):
        if UNSPACED.match(piece):
            conditions += [(Term(pair, beginning=len(pair) == 1),) for pair in pairs(piece)]
        else:
            # A single letter would begin far too many words.
            conditions.append((Term(piece[:MAX_TERM], beginning=len(piece) > 1),))
    longer = [condition for condition in conditions if condition[0].beginning or len(condition[0].text) > 1]
    return longer or conditions


def _sign_conditions(found: list[str], leading: str, trailing: str) -> Iterator[Condition]:
    first, last = found[0], found[-1]
    led = re.search(rf"[{SIGNS}.]{{1,{MAX_SIGNS}}}$", leading)
    if led and not is_sign(first):
        yield (Term((led[0] + first)[:MAX_TERM], beginning=True),)
    trailed = re.match(rf"[{SIGNS}]{{1,{MAX_SIGNS}}}", trailing)
    if trailed and not is_sign(last):
        yield (Term((last + trailed[0])[:MAX_TERM], beginning=False),)


def _shown_word(word: str, stems: frozenset[str]) -> tuple[re.Pattern[str], ...]:
    forms = "|".join(rf"{re.escape(stem)}{LETTER}*" for stem in sorted(stems, key=len, reverse=True))
    begins = rf"(?<![^\W_]){re.escape(word)}"
    within = re.compile(re.escape(word))
    found = [re.compile(begins), within]
    if forms:
        found.append(re.compile(rf"\b(?:{forms})"))
    return (*found, re.compile("[-'\".,_ ]?".join(map(re.escape, word))))  # written apart


def _meets(unit: Unit, text: SearchedText, *, has_terms: bool) -> bool:
    if unit.pattern is not None and not unit.pattern.search(text.folded):
        return False
    return has_terms or all(text.meets(condition) for condition in unit.conditions)


def _excludes(exclusion: Exclusion, text: SearchedText) -> bool:
    return _meets(exclusion.unit, text, has_terms=False) and exclusion.unless not in text.folded
