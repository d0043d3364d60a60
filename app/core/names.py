"""Names that deceive: invisible characters, and words that mix look-alike letters of several scripts."""

from __future__ import annotations

import unicodedata

from confusable_homoglyphs import categories, confusables

# Letters that are drawn as nothing, although Unicode does not call them format characters.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# The joiners have a meaning within Indic and Persian words and within emoji, but not at the edge of a name.
_JOINERS = "\u200c\u200d"
# Scripts whose letters look alike. Japanese and Korean mix scripts in honest names.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


def _is_invisible(character: str) -> bool:
    if character in _BLANK:
        return True
    return unicodedata.category(character) == "Cf" and character not in _JOINERS


def has_invisible(name: str) -> bool:
    """Returns whether a reader cannot see all of the name."""
    return name != name.strip(_JOINERS) or any(map(_is_invisible, name))


def without_invisible(name: str) -> str:
    return "".join(c for c in name if not _is_invisible(c)).strip(_JOINERS)


def is_confusable(name: str) -> bool:
    """Returns whether a word of the name mixes scripts, and some of its letters look like letters of another script."""
    return any(_mixes_scripts(word) and bool(confusables.is_dangerous(word)) for word in name.split())


def _mixes_scripts(word: str) -> bool:
    return len(_ALIKE & {categories.alias(character) for character in word}) > 1
