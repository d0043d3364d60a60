"""The rules of notifications: whether to notify a member, on which devices, and when. Pure functions.

* A member without a live session is notified at once. A member with one is notified if they do not confirm a message
  in time.
* Read messages, old messages and messages during quiet hours cause no notification. Muted, blocked and own messages
  are excluded earlier: they never count as ``newest``.
* An edit that names a member notifies them even if they received or read the message before, unless they have a live
  session, which gets the edit.
* If one of the user's devices has received the message, the others are not notified, unless the user wants that
  (``while_active``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from app.core.push import zone_of

# Older messages cause no notification. A push service may also keep a notification this long.
OLD_MS = 24 * 3600 * 1000

Reason = Literal["", "nothing unread", "old", "quiet hours", "delivered", "waits for a confirmation"]


class QuietHours(NamedTuple):
    """Start and end in minutes of the day, in a time zone (IANA name)."""

    from_: int
    to: int
    time_zone: str


class RecipientState(NamedTuple):
    """The state of one user in one conversation.

    ``newest`` is the seq of the newest message worth a notification: unread, visible to the user, not muted, and not
    from someone they blocked. It is 0 if there is none. ``waiting_since_ms`` is when the oldest such message that is
    not delivered was sent. ``named`` is the seq of a message that names the user since an edit, or 0.
    """

    newest: int
    newest_ms: int
    delivered: int
    named: int
    waiting_since_ms: int
    online: bool
    quiet: bool
    while_active: bool


class Verdict(NamedTuple):
    """The devices to notify now, and when to decide again (0: never)."""

    notify: Literal["none", "all", "idle"]  # idle: only devices without a live session of their own
    again_ms: int
    reason: Reason


def decide(state: RecipientState, *, now_ms: int, confirm_ms: int) -> Verdict:
    """Applies the rules. ``confirm_ms`` is how long an online member has to confirm a message."""
    if not state.newest:
        return Verdict("none", 0, "nothing unread")
    if now_ms - state.newest_ms > OLD_MS:
        return Verdict("none", 0, "old")
    if state.quiet:
        return Verdict("none", 0, "quiet hours")
    idle: Literal["none", "idle"] = "idle" if state.while_active else "none"
    named = bool(state.named) and not state.online
    if state.delivered >= state.newest and not named:
        return Verdict(idle, 0, "delivered")
    overdue_ms = state.waiting_since_ms + confirm_ms
    if state.online and now_ms < overdue_ms:
        return Verdict(idle, overdue_ms, "waits for a confirmation")
    return Verdict("all", 0, "")


def is_quiet(hours: QuietHours | None, now_ms: int) -> bool:
    """Returns whether it is quiet now: from ``from_`` until before ``to``, past midnight if ``to`` is earlier.

    Equal times mean never. An unknown time zone counts as UTC.
    """
    if hours is None:
        return False
    zone = zone_of(hours.time_zone) or UTC
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    minute = local.hour * 60 + local.minute
    if hours.from_ <= hours.to:
        return hours.from_ <= minute < hours.to
    return minute >= hours.from_ or minute < hours.to
