"""A user's state as others see it: a status of their own, and "do not disturb". Both may end by
themselves.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.answer_base import Time
from app.core.commands import Time as GivenTime
from app.core.emoji import normal_emoji
from app.core.errors import Invalid
from app.core.names import is_plain, shown
from app.core.times import ms_of_time, rfc3339

MAX_STATUS = 80  # characters
YEAR_MS = 366 * 24 * 3600 * 1000

StatusText = Annotated[str, Meta(min_length=1, max_length=MAX_STATUS)]
StatusEmoji = Annotated[str, Meta(min_length=1, max_length=32, description="Exactly one emoji")]


class StatusPatch(Struct, frozen=True):
    """A text, an emoji, or both. ``until``: at most a year ahead; without it, the status stays until it is changed."""

    text: StatusText | None = None
    emoji: StatusEmoji | None = None
    until: GivenTime | None = None


class StatusView(Struct, frozen=True):
    text: str | UnsetType = UNSET
    emoji: str | UnsetType = UNSET
    until: Time | UnsetType = UNSET


class Status(NamedTuple):
    """A user's status. ``until_ms`` is None if the status does not end by itself."""

    text: str | None
    emoji: str | None
    until_ms: int | None

    def is_shown(self, now_ms: int) -> bool:
        return bool(self.text or self.emoji) and (self.until_ms is None or self.until_ms > now_ms)


NO_STATUS = Status(None, None, None)


def checked_status(given: StatusPatch, now_ms: int) -> Status:
    """Raises Invalid."""
    if given.text is None and given.emoji is None:
        raise Invalid.field("status", "neither text nor emoji")
    if given.text is not None and not is_plain(given.text):
        raise Invalid.field("status.text", f"1 to {MAX_STATUS} visible characters")
    emoji = normal_emoji(given.emoji) if given.emoji is not None else None
    if given.emoji is not None and emoji is None:
        raise Invalid.field("status.emoji", "exactly one emoji")
    until_ms = None if given.until is None else checked_end(given.until, "status.until", now_ms)
    return Status(None if given.text is None else shown(given.text), emoji, until_ms)


def checked_end(text: str, field: str, now_ms: int) -> int:
    """Returns a time in the next year, in ms since 1970. Raises Invalid for any other."""
    at = ms_of_time(text, field)
    if not now_ms < at <= now_ms + YEAR_MS:
        raise Invalid.field(field, "must be in the future, at most a year ahead")
    return at


def status_view(status: Status, now_ms: int) -> StatusView | UnsetType:
    """Returns UNSET if there is no status, or if it has ended."""
    if not status.is_shown(now_ms):
        return UNSET
    until = UNSET if status.until_ms is None else rfc3339(status.until_ms)
    return StatusView(text=status.text or UNSET, emoji=status.emoji or UNSET, until=until)


def end_view(until_ms: int | None, now_ms: int) -> str | UnsetType:
    """Returns UNSET if the time has passed."""
    return rfc3339(until_ms) if until_ms is not None and until_ms > now_ms else UNSET
