"""Suspended users, until the suspension ends or is lifted. Nobody can sign in to a suspended account. With a shadow
suspension, its user can, but nobody else sees what the user does.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, cast, func, literal, or_, select, update

from app.core.times import rfc3339
from app.store.models import User
from app.store.sql import as_ms, first, moment

_LASTS = (
    User.suspended_at.is_not(None),
    or_(User.suspended_until.is_(None), User.suspended_until > func.now()),
    User.deleted_at.is_(None),
)
SUSPENDED = (*_LASTS, ~User.suspended_shadow)
SHADOWED = (*_LASTS, User.suspended_shadow)
_END_SECONDS = cast(func.date_part("epoch", User.suspended_until), BigInteger)


class Suspension(Struct, frozen=True):
    """``until_ms`` None: until it is lifted. ``shadow``: the user does not notice it."""

    until_ms: int | None
    reason: str | None
    shadow: bool = False

    def facts(self) -> dict[str, str]:
        """Returns ``until`` (RFC 3339) and ``reason``, without those that are not set."""
        until = None if self.until_ms is None else rfc3339(self.until_ms)
        return {name: text for name, text in (("until", until), ("reason", self.reason)) if text is not None}


def is_shadowed(user: str) -> str:
    """Returns SQL for the condition that the user of this alias has a shadow suspension."""
    return f"({user}.suspended_shadow AND coalesce({user}.suspended_until > now(), {user}.suspended_at IS NOT NULL))"


def find_suspension(conn: Connection, user_id: int) -> Suspension | None:
    """Returns the suspension that keeps the user out, or None if there is none."""
    columns = as_ms(User.suspended_until), User.suspended_reason
    return first(Suspension, conn.execute(select(*columns).where(User.id == user_id, *SUSPENDED)).first())


def suspend(conn: Connection, user_id: int, wanted: Suspension) -> bool:
    """Suspends the user, or changes the suspension. Returns False if there is no such user."""
    until: datetime | None = None if wanted.until_ms is None else moment(wanted.until_ms)
    values = {"suspended_at": func.now(), "suspended_until": until, "suspended_reason": wanted.reason}
    theirs = update(User).where(User.id == user_id, User.deleted_at.is_(None))
    return conn.execute(theirs.values(**values, suspended_shadow=wanted.shadow)).rowcount > 0


def lift(conn: Connection, user_id: int) -> bool:
    """Ends the user's suspension. Returns False if there was none."""
    theirs = update(User).where(User.id == user_id, User.suspended_at.is_not(None))
    none = {"suspended_at": None, "suspended_until": None, "suspended_reason": None, "suspended_shadow": False}
    return conn.execute(theirs.values(**none)).rowcount > 0


def is_user_shadowed(conn: Connection, user_id: int) -> bool:
    return conn.execute(select(literal(1)).where(User.id == user_id, *SHADOWED)).first() is not None


def all_suspended(conn: Connection, *, shadow: bool = False) -> list[tuple[int, int | None]]:
    """Returns the ids of all users with this kind of suspension, with the ends of the suspensions in unix seconds."""
    which = SHADOWED if shadow else SUSPENDED
    return [(user_id, end) for user_id, end in conn.execute(select(User.id, _END_SECONDS).where(*which))]
