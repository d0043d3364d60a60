"""Who is notified of what, and when: decided from facts alone.

* A member without a live session is notified at once; one with a live session once a message was not confirmed in time.
* What was read, what is old, and what came in quiet hours is not told. Mute, blocks and own messages are decided
  before: such messages are none that are ``newest``.
* Where one of the user's devices has it, the others are spared, but for whoever wants them ``while_active``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from app.core.push import zone_of

# What is older is not told any more; also how long a push service may keep it.
OLD_MS = 24 * 3600 * 1000

Reason = Literal["", "nothing unread", "old", "quiet hours", "delivered", "waits for a confirmation"]


class QuietHours(NamedTuple):
    """Minutes of the day in a time zone."""

    from_: int
    to: int
    time_zone: str


class Situation(NamedTuple):
    """One user in one conversation. ``newest`` is the seq of the newest message to tell of (unread, seen by them, not
    muted, of nobody they blocked), 0 for none; ``waiting_since_ms`` when the oldest of these that was not delivered was
    sent.
    """

    newest: int
    newest_ms: int
    delivered: int
    waiting_since_ms: int
    online: bool
    quiet: bool
    while_active: bool


class Verdict(NamedTuple):
    """Whom to tell now, and when to look again (0: not at all)."""

    tell: Literal["nobody", "all", "idle"]  # idle: devices that have no live session themselves
    again_ms: int
    reason: Reason


def decide(at: Situation, *, now_ms: int, confirm_ms: int) -> Verdict:
    if not at.newest:
        return Verdict("nobody", 0, "nothing unread")
    if now_ms - at.newest_ms > OLD_MS:
        return Verdict("nobody", 0, "old")
    if at.quiet:
        return Verdict("nobody", 0, "quiet hours")
    idle: Literal["nobody", "idle"] = "idle" if at.while_active else "nobody"
    if at.delivered >= at.newest:
        return Verdict(idle, 0, "delivered")
    overdue_ms = at.waiting_since_ms + confirm_ms
    if at.online and now_ms < overdue_ms:
        return Verdict(idle, overdue_ms, "waits for a confirmation")
    return Verdict("all", 0, "")


def is_quiet(hours: QuietHours | None, now_ms: int) -> bool:
    """From ``from_`` until before ``to``, over midnight where that is earlier. Equal: never. A time zone that is
    unknown here (any more) is taken for UTC."""
    if hours is None:
        return False
    zone = zone_of(hours.time_zone) or UTC
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    minute = local.hour * 60 + local.minute
    if hours.from_ <= hours.to:
        return hours.from_ <= minute < hours.to
    return minute >= hours.from_ or minute < hours.to
