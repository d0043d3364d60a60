"""Finds people by name: by the beginning of a username, and of each word of a display name.

Spelling is folded as in the search for messages (search_text.py): "muller" and "mueller" find "Ünal
Müller".
"""

from __future__ import annotations

import re

from app.core.search_text import UNSPACED, UNSPACED_PIECE, fold, spelled_out, words

MAX_NAME_TERM = 48  # characters
MAX_ENDS = 20  # of a name in a script without spaces


def name_terms(display_name: str) -> set[str]:
    """Returns the texts with whose beginning somebody is found."""
    found = {word for name in _spellings(display_name) for word in words(name)}
    for word in tuple(found):
        found.update(_ends(word))
    return {term[:MAX_NAME_TERM] for term in found}


def _spellings(display_name: str) -> list[str]:
    folded = [fold(name) for name in (display_name, spelled_out(display_name)) if name is not None]
    return [*folded, *(name.replace("'", "") for name in folded)]


def _ends(word: str) -> set[str]:
    """Returns where a given name may begin in a name without spaces: 王小明 is also found by 小明."""
    runs = [piece for piece in UNSPACED_PIECE.findall(word) if UNSPACED.match(piece)]
    return {run[n:] for run in runs for n in range(min(len(run), MAX_ENDS))}


class NameQuery:
    """``words`` must all be the beginnings of terms. ``matches`` then decides."""

    def __init__(self, query: str) -> None:
        self.start = query.strip().lower()
        self._pieces = fold(query).split()
        self.words = [word[:MAX_NAME_TERM] for piece in self._pieces for word in words(piece)]

    def matches(self, username: str, display_name: str) -> bool:
        """Returns whether the username begins with the query, or each piece of it begins a word of the display name."""
        if not self.start:
            return False
        if username.startswith(self.start) or display_name.lower().startswith(self.start):
            return True
        names = _spellings(display_name)
        return bool(self._pieces) and all(any(_begins(piece, name) for name in names) for piece in self._pieces)


def _begins(piece: str, name: str) -> bool:
    """Returns whether the piece begins a word of the name; in scripts without spaces, anywhere in it."""
    begin = "" if UNSPACED.match(piece) else r"(?<![^\W_])"
    return re.search(begin + re.escape(piece), name) is not None
