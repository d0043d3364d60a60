"""Verified e-mail addresses of accounts. Several accounts may have the same one, so nobody can find out whether an
address is in use.
"""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select, update

from app.store.models import User
from app.store.sql import structs
from app.store.users import EXISTS

MAX_ACCOUNTS = 5  # of one address that get a link


class EmailedUser(Struct, frozen=True):
    id: int
    username: str
    email: str


def email_of(conn: Connection, user_id: int) -> str | None:
    return conn.execute(select(User.email).where(User.id == user_id, EXISTS)).scalar()


def set_email(conn: Connection, user_id: int, email: str | None) -> str | None:
    """Stores the address and returns the previous one."""
    old = conn.execute(select(User.email).where(User.id == user_id, EXISTS).with_for_update()).scalar()
    conn.execute(update(User).where(User.id == user_id, EXISTS).values(email=email))
    return old


def resettable_users(conn: Connection, *, username: str | None = None, email: str | None = None) -> list[EmailedUser]:
    """Returns the accounts with this name, or with this address, that have both a password and an address."""
    theirs: ColumnElement[bool] = (
        User.username == username.lower() if username is not None else func.lower(User.email) == (email or "").lower()
    )
    has_both = User.password_hash.is_not(None), User.email.is_not(None)
    found = select(User.id, User.username, User.email).where(theirs, *has_both, EXISTS)
    return structs(EmailedUser, conn.execute(found.order_by(User.id).limit(MAX_ACCOUNTS)))
