"""Results of a search: messages, each with a matching piece of its text."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, cast, get_args

from msgspec import UNSET, Meta, UnsetType

from app.core.answer_base import Answer
from app.core.errors import Invalid
from app.core.message_answers import Message

Highlight = Annotated[list[int], Meta(min_length=2, max_length=2)]
Kind = Literal["file", "image", "audio", "video", "link"]


class SearchFilter(NamedTuple):
    """None means no restriction. ``before_ms`` and ``after_ms`` are times of sending, both exclusive. A message must
    contain all that ``has`` lists.
    """

    conversation_id: int | None = None
    sender_id: int | None = None
    before_ms: int | None = None
    after_ms: int | None = None
    has: tuple[Kind, ...] = ()

    @property
    def is_selective(self) -> bool:
        """Returns whether the filter selects messages by itself, without a word."""
        return self.sender_id is not None or bool(self.has)

    def is_in_time(self, sent_ms: int) -> bool:
        return self.overlaps(sent_ms, sent_ms)

    def overlaps(self, first_ms: int, last_ms: int) -> bool:
        """Returns whether a message that was sent in this period may be in time."""
        before, after = self.before_ms, self.after_ms
        return (before is None or first_ms < before) and (after is None or last_ms > after)


def parse_kinds(text: str) -> tuple[Kind, ...]:
    """Parses kinds that are separated by commas. Raises Invalid."""
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    if not set(kinds) <= set(get_args(Kind)):
        raise Invalid.field("has", f"must be some of {', '.join(get_args(Kind))}")
    return cast("tuple[Kind, ...]", kinds)


class FoundMessage(Message, frozen=True, kw_only=True):
    """A message with a piece of its text, or with the name of a file if only that matches. The piece is plain text,
    even if it looks like markup.
    """

    snippet: Annotated[str, Meta(description="At most 400 characters of the message, or the name of a file")]
    highlights: Annotated[
        list[Highlight], Meta(description="[start, length] in Unicode characters of `snippet`, ascending")
    ]


class FoundMessages(Answer, frozen=True, kw_only=True):
    """Newest first. ``cursor`` is set if there may be more. The server looks for a bounded time, so a page may have
    fewer messages than ``limit``, or none, although there are more.
    """

    messages: list[FoundMessage]
    has_more: bool
    cursor: str | UnsetType = UNSET
