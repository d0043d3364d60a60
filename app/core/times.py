"""Times on the wire: RFC 3339, UTC, milliseconds, always with Z."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from app.core.errors import Invalid

DATE_CHARS = len("2026-11-29")


@lru_cache(maxsize=4)
def _second(epoch_seconds: int) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def ms_of_time(text: str, field: str, *, needs_zone: bool = False) -> int:
    """Returns an RFC 3339 time, or a date, in ms since 1970. Raises Invalid for anything else.

    Dates are UTC, and so are times without a zone, unless ``needs_zone`` refuses them.
    """
    try:
        at = datetime.fromisoformat(text)
        if needs_zone and at.tzinfo is None and len(text) != DATE_CHARS:
            raise ValueError
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).replace(microsecond=0).timestamp()
        return int(seconds) * 1000 + at.microsecond // 1000
    except (ValueError, OverflowError):
        raise Invalid.field(field, "must be a date or an RFC 3339 time") from None


def rfc3339(ms: int) -> str:
    """Returns milliseconds since 1970 as ``2026-11-22T15:04:05.678Z``. Whole seconds are cached, for bursts."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"
