"""Results of a search: messages, each with a matching piece of its text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, NamedTuple

from msgspec import UNSET, Meta, UnsetType

from app.core.answer_base import Answer
from app.core.message_answers import Message

# Private-use characters around a match, only between Postgres and this process. They never reach a client.
FOUND_BEGINS, FOUND_ENDS = "\ue000", "\ue001"
SNIPPET_CHARS = 400
BEFORE_FOUND_CHARS = 80  # of a long word, shown before the first match

_FOUND = re.compile(f"{FOUND_BEGINS}([^{FOUND_ENDS}]*){FOUND_ENDS}?")

Highlight = Annotated[list[int], Meta(min_length=2, max_length=2)]


class SearchFilter(NamedTuple):
    """None means no restriction. ``before`` and ``after`` are times of sending, both exclusive."""

    conversation_id: int | None = None
    sender_id: int | None = None
    before: datetime | None = None
    after: datetime | None = None


class FoundMessage(Message, frozen=True, kw_only=True):
    """A message with a piece of its text. The piece is plain text, even if it looks like markup."""

    snippet: Annotated[str, Meta(description="At most 400 characters of the message")]
    highlights: Annotated[
        list[Highlight], Meta(description="[start, length] in Unicode characters of `snippet`, ascending")
    ]


class FoundMessages(Answer, frozen=True, kw_only=True):
    """Newest first. ``cursor`` is set if there may be more."""

    messages: list[FoundMessage]
    has_more: bool
    cursor: str | UnsetType = UNSET


def read_snippet(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """Returns the text without its marks, and the matches as (start, length)."""
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    length = end = 0
    for match in _FOUND.finditer(marked):
        parts += (marked[end : match.start()], match[1])
        length += match.start() - end
        places.append((length, len(match[1])))
        length += len(match[1])
        end = match.end()
    return _shortened("".join([*parts, marked[end:]]), places)


def _shortened(text: str, places: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """Postgres counts a snippet in words, and a single word can be a whole message."""
    if len(text) <= SNIPPET_CHARS:
        return text, places
    begin = max(0, places[0][0] - BEFORE_FOUND_CHARS) if places else 0
    shown = text[begin : begin + SNIPPET_CHARS]
    moved = [(start - begin, min(length, len(shown) - start + begin)) for start, length in places]
    return shown, [(start, length) for start, length in moved if length > 0]
