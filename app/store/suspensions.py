"""Suspended users: nobody can sign in to the account, until it ends or is lifted."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, cast, func, or_, select, update

from app.core.times import rfc3339
from app.store.models import User
from app.store.sql import as_ms, first, moment

_SUSPENDED = (
    User.suspended_at.is_not(None),
    or_(User.suspended_until.is_(None), User.suspended_until > func.now()),
    User.deleted_at.is_(None),
)
_END_SECONDS = cast(func.date_part("epoch", User.suspended_until), BigInteger)


class Suspension(Struct, frozen=True):
    """``until_ms`` None: until it is lifted."""

    until_ms: int | None
    reason: str | None

    def facts(self) -> dict[str, str]:
        """Returns ``until`` (RFC 3339) and ``reason``, without those that are not set."""
        until = None if self.until_ms is None else rfc3339(self.until_ms)
        return {name: text for name, text in (("until", until), ("reason", self.reason)) if text is not None}


def find_suspension(conn: Connection, user_id: int) -> Suspension | None:
    """Returns the user's suspension, or None if the user is not suspended."""
    columns = as_ms(User.suspended_until), User.suspended_reason
    return first(Suspension, conn.execute(select(*columns).where(User.id == user_id, *_SUSPENDED)).first())


def suspend(conn: Connection, user_id: int, until_ms: int | None, reason: str | None) -> bool:
    """Suspends the user, or changes the suspension. Returns False if there is no such user."""
    until: datetime | None = None if until_ms is None else moment(until_ms)
    values = {"suspended_at": func.now(), "suspended_until": until, "suspended_reason": reason}
    theirs = update(User).where(User.id == user_id, User.deleted_at.is_(None))
    return conn.execute(theirs.values(**values)).rowcount > 0


def lift(conn: Connection, user_id: int) -> bool:
    """Ends the user's suspension. Returns False if there was none."""
    theirs = update(User).where(User.id == user_id, User.suspended_at.is_not(None))
    lifted = theirs.values(suspended_at=None, suspended_until=None, suspended_reason=None)
    return conn.execute(lifted).rowcount > 0


def all_suspended(conn: Connection) -> list[tuple[int, int | None]]:
    """Returns the ids of all suspended users, with the ends of their suspensions in unix seconds."""
    return [(user_id, end) for user_id, end in conn.execute(select(User.id, _END_SECONDS).where(*_SUSPENDED))]
