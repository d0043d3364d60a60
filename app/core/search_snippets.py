"""The piece of a text that a search result shows, and where the query's words are in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from app.core.clip import clipped, whole_characters
from app.core.search_query import Query
from app.core.search_text import FoldedText

SNIPPET_CHARS = 400
WHOLE_CHARS = 300  # a text of this length is shown whole
SHOWN_CHARS = 240  # of a longer text
BEFORE_CHARS = 60  # before the first match
MAX_HIGHLIGHTS = 50

Span = tuple[int, int]


class Snippet(NamedTuple):
    """``highlights`` are (start, length) in ``text``, ascending; they do not overlap."""

    text: str
    highlights: list[Span]


def snippet_of(query: Query, body: str, filenames: tuple[str, ...] = ()) -> Snippet:
    """Returns a piece of the body, or the name of a file if only that name contains words of the query."""
    shown = _shown(query, body)
    if not shown.highlights:
        for name in filenames:
            of_name = _shown(query, name)
            if of_name.highlights:
                return of_name
    return shown


def _shown(query: Query, text: str) -> Snippet:
    folded = FoldedText(text)
    spans = _joined(sorted(_spans(query, folded)))
    if len(text) <= WHOLE_CHARS:
        return Snippet(text, [(start, end - start) for start, end in spans])
    begin = _begin(text, spans[0][0] if spans else 0)
    piece = clipped(text[begin:], SHOWN_CHARS)
    end = begin + len(piece)
    moved = [(start - begin, min(stop, end) - start) for start, stop in spans if begin <= start < end]
    return Snippet(piece, moved)


def _begin(text: str, first: int) -> int:
    """Returns where the piece begins: at a word, if one begins there, and never within a character."""
    begin = max(0, first - BEFORE_CHARS)
    space = text.find(" ", begin, first) if begin else -1
    return len(clipped(text, begin)) if space < 0 else space + 1


def _spans(query: Query, folded: FoldedText) -> Iterator[Span]:
    for unit in query.units:
        for pattern in unit.shown:
            found = list(zip(range(MAX_HIGHLIGHTS), pattern.finditer(folded.folded), strict=False))
            if found:
                for _, match in found:
                    start = folded.original(match.start())
                    # The mark after the match may belong to its last letter.
                    end = max(folded.original(match.end()), folded.original(match.end() - 1) + 1)
                    # A mark within an emoji would take it apart.
                    yield whole_characters(folded.text, start, end)
                break


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
