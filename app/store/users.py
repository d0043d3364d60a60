"""Users: those who registered here, and external users, for whom an identity provider vouches."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    column,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import literal_column

from app.core.accounts import is_reserved
from app.store.models import User
from app.store.sql import BIGINTS, any_of, as_ms, first, structs

_USERNAME = re.compile(r"[a-z0-9_.-]{3,32}", re.ASCII)
# In the order of StoredUser's fields.
USER_COLUMNS = (
    User.id,
    User.username,
    User.display_name,
    User.avatar_url,
    as_ms(User.last_seen_at),
    User.last_seen_visible,
    User.may_add,
    User.may_write,
)
NEW_ACCOUNT_DAYS = 1
EXISTS = User.deleted_at.is_(None)


class StoredUser(Struct, frozen=True):
    id: int
    username: str
    display_name: str
    avatar_url: str | None
    last_seen_ms: int | None
    last_seen_visible: str = "everyone"
    may_add: str = "everyone"
    may_write: str = "everyone"


class AccountDeletedError(LookupError):
    """The external identity had an account here, and that account was deleted."""


class Credentials(Struct, frozen=True):
    """``password_hash`` is None for external users."""

    user: StoredUser
    password_hash: str | None


def get_users(conn: Connection, user_ids: Sequence[int]) -> dict[int, StoredUser]:
    """Returns the users by id, without those that do not exist or were deleted."""
    rows = conn.execute(select(*USER_COLUMNS).where(User.id == any_of(user_ids), EXISTS))
    return {user.id: user for user in structs(StoredUser, rows)}


def find_credentials(conn: Connection, username: str) -> Credentials | None:
    """Returns the user with this name, regardless of case, and the hash that a login is checked against."""
    named = select(*USER_COLUMNS, User.password_hash).where(User.username == username.lower(), EXISTS)
    row = conn.execute(named).first()
    return None if row is None else Credentials(StoredUser(*row[:-1]), row[-1])


def find_user_by_username(conn: Connection, username: str) -> StoredUser | None:
    """Returns the user with this name, regardless of case."""
    found = find_credentials(conn, username)
    return None if found is None else found.user


def insert_user(
    conn: Connection,
    username: str,
    display_name: str,
    *,
    password_hash: str | None = None,
    avatar_url: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
    last_seen_visible: str = "everyone",
) -> StoredUser | None:
    """Stores a new user, with the name in lower case. Returns None if the name or the external identity is taken."""
    new = insert(User).values(
        username=username.lower(),
        display_name=display_name,
        avatar_url=avatar_url,
        password_hash=password_hash,
        issuer=issuer,
        subject=subject,
        last_seen_visible=last_seen_visible,
    )
    return first(StoredUser, conn.execute(new.on_conflict_do_nothing().returning(*USER_COLUMNS)).first())


def search_by_prefix(conn: Connection, prefix: str, limit: int = 20) -> list[StoredUser]:
    """Returns users whose username or display name begins with ``prefix``, by username; none for an empty prefix."""
    low = prefix.strip().lower()
    if not low:
        return []
    names: tuple[ColumnElement[str], ...] = (User.username.expression, func.lower(User.display_name))
    found = union_all(*(_ids_with_prefix(name, low, limit) for name in names))
    users = select(*USER_COLUMNS).where(User.id.in_(found)).order_by(User.username).limit(limit)
    return structs(StoredUser, conn.execute(users))


def _ids_with_prefix(name: ColumnElement[str], low: str, limit: int) -> Select[int]:
    """Bounds instead of LIKE: a prepared plan does not contain the pattern, so LIKE could not use the index.

    The operators ``~…~`` compare in byte order, as the prefix indexes do.
    """
    in_range = name.op("~>=~", is_comparison=True)(low), name.op("~<~", is_comparison=True)(_after_prefix(low))
    byte_order = name.op("USING")(literal_column("~<~"))
    return select(User.id).where(*in_range, EXISTS).order_by(byte_order).limit(limit)


def _after_prefix(prefix: str) -> str:
    """Returns the smallest text, by code points, that is greater than all texts that begin with ``prefix``."""
    last = ord(prefix[-1]) + 1
    if last > 0x10FFFF:
        return prefix + chr(0x10FFFF)
    return prefix[:-1] + chr(0xE000 if 0xD800 <= last < 0xE000 else last)


def update_profile(
    conn: Connection,
    user_id: int,
    *,
    display_name: str | UnsetType = UNSET,
    avatar_url: str | UnsetType | None = UNSET,
    last_seen_visible: str | UnsetType = UNSET,
    may_add: str | UnsetType = UNSET,
    may_write: str | UnsetType = UNSET,
) -> StoredUser | None:
    """Changes the given fields and returns the updated user; None if there is no such user."""
    given = {
        "display_name": display_name,
        "avatar_url": avatar_url,
        "last_seen_visible": last_seen_visible,
        "may_add": may_add,
        "may_write": may_write,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
    if changes:
        conn.execute(update(User).where(User.id == user_id).values(**changes))
    return get_users(conn, [user_id]).get(user_id)


def password_hash_of(conn: Connection, user_id: int) -> str | None:
    """Returns None for an external user, and if there is no such user."""
    return conn.execute(select(User.password_hash).where(User.id == user_id, EXISTS)).scalar()


def replace_password_hash(conn: Connection, user_id: int, old: str, new: str) -> bool:
    """Stores the new hash if the old one is still stored; returns whether it was."""
    unchanged = User.id == user_id, User.password_hash == old, EXISTS
    return conn.execute(update(User).where(*unchanged).values(password_hash=new)).rowcount > 0


def set_password_hash(conn: Connection, user_id: int, new: str) -> bool:
    """Stores the hash of a user who has a password; returns whether there is such a user."""
    theirs = User.id == user_id, User.password_hash.is_not(None), EXISTS
    return conn.execute(update(User).where(*theirs).values(password_hash=new)).rowcount > 0


def hold_password_hash(conn: Connection, user_id: int, expected: str | None) -> bool:
    """Returns whether this hash is stored. Until the transaction ends, nobody can change it."""
    unchanged = User.id == user_id, User.password_hash == expected, EXISTS
    return conn.execute(select(User.id).where(*unchanged).with_for_update(read=True)).first() is not None


def is_new_account(conn: Connection, user_id: int) -> bool:
    """Returns whether the user registered less than ``NEW_ACCOUNT_DAYS`` ago."""
    since = func.now() - timedelta(days=NEW_ACCOUNT_DAYS)
    return conn.execute(select(User.id).where(User.id == user_id, User.created_at > since)).first() is not None


def username_of(conn: Connection, user_id: int) -> str | None:
    return conn.execute(select(User.username).where(User.id == user_id, EXISTS)).scalar()


def is_admin(conn: Connection, user_id: int) -> bool:
    """Returns whether the user exists and is an administrator."""
    return bool(conn.execute(select(User.is_admin).where(User.id == user_id, EXISTS)).scalar())


def set_admin(conn: Connection, username: str, is_admin: bool) -> int | None:
    """Makes the user an administrator, or no longer one. Returns the user's id; None if there is no such user."""
    named = update(User).where(User.username == username.lower(), EXISTS)
    return conn.execute(named.values(is_admin=is_admin).returning(User.id)).scalar()


def set_last_seen(conn: Connection, seen: Sequence[tuple[int, int]]) -> None:
    """Stores ``(user_id, ms)`` of many users in one statement. ``last_seen_at`` only moves forward."""
    newest: dict[int, int] = {}
    for user, ms in seen:
        newest[user] = max(ms, newest.get(user, 0))
    if not newest:
        return
    columns = column("user_id", BigInteger), column("ms", BigInteger)
    arrays = literal(list(newest), BIGINTS), literal(list(newest.values()), BIGINTS)
    given = func.unnest(*arrays).table_valued(*columns).render_derived(name="given")
    at = func.to_timestamp(given.c.ms / 1000.0)
    is_newer = or_(User.last_seen_at.is_(None), User.last_seen_at < at)
    conn.execute(update(User).where(User.id == given.c.user_id, EXISTS, is_newer).values(last_seen_at=at))


def get_or_create_external(
    conn: Connection,
    issuer: str,
    subject: str,
    *,
    username: str = "",
    display_name: str = "",
    last_seen_visible: str = "everyone",
) -> tuple[StoredUser, bool]:
    """Returns the user of an external identity, created on first use, and whether this call created it. Safe if several
    callers do so at once.

    ``username`` is a wish: if it is taken or not allowed, the user gets a name derived from the identity. Raises
    AccountDeletedError if the identity's account was deleted: it does not come back.
    """
    is_theirs = User.issuer == issuer, User.subject == subject
    identity = select(*USER_COLUMNS, User.deleted_at.is_not(None)).where(*is_theirs)
    made = None
    for name in ("", username.lower(), _derived_username(issuer, subject)):
        if _USERNAME.fullmatch(name) and not is_reserved(name):
            more = {"issuer": issuer, "subject": subject, "last_seen_visible": last_seen_visible}
            made = insert_user(conn, name, display_name or name, **more)
        row = conn.execute(identity).first()
        if row is not None:
            if row[-1]:
                raise AccountDeletedError
            return StoredUser(*row[:-1]), made is not None
    raise LookupError(f"no username is free for subject {subject!r}")


def _derived_username(issuer: str, subject: str) -> str:
    return "u-" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:24]
