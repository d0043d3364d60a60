"""Users: the people, and where an outside service vouches for them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import Connection, text, update

from app.core.accounts import is_reserved
from app.store.models import User
from app.store.sql import first, ms_of, structs

_USERNAME = re.compile(r"[a-z0-9_.-]{3,32}", re.ASCII)
# Of ``users``; the fields of StoredUser.
USER_COLUMNS = f"users.id, username, display_name, avatar_url, {ms_of('last_seen_at')}, last_seen_visible"


class StoredUser(Struct, frozen=True):
    id: int
    username: str
    display_name: str
    avatar_url: str | None
    last_seen_ms: int | None
    last_seen_visible: str = "everyone"


class AccountDeletedError(LookupError):
    """The outside identity had an account, which was deleted."""


class Credentials(Struct, frozen=True):
    """``password_hash`` is None for a user that only an outside service knows."""

    user: StoredUser
    password_hash: str | None


_GET = text(f"SELECT {USER_COLUMNS} FROM users WHERE id = ANY(CAST(:ids AS bigint[])) AND deleted_at IS NULL")
_BY_NAME = text(f"SELECT {USER_COLUMNS}, password_hash FROM users WHERE username = :username AND deleted_at IS NULL")
_BY_SUBJECT = text(
    f"SELECT {USER_COLUMNS}, deleted_at IS NOT NULL FROM users WHERE issuer = :issuer AND subject = :subject"
)
_INSERT = text(f"""
    INSERT INTO users (username, display_name, avatar_url, password_hash, issuer, subject)
    VALUES (:username, :display_name, :avatar_url, :password_hash, :issuer, :subject)
    ON CONFLICT DO NOTHING RETURNING {USER_COLUMNS}
""")
# Bounds instead of LIKE: a prepared plan does not know the pattern, so it could not use the index for it.
_SEARCH = text(f"""
    SELECT {USER_COLUMNS} FROM users WHERE id IN (
        (SELECT id FROM users WHERE username ~>=~ :low AND username ~<~ :high AND deleted_at IS NULL
         ORDER BY username USING ~<~ LIMIT :limit)
        UNION ALL
        (SELECT id FROM users WHERE lower(display_name) ~>=~ :low AND lower(display_name) ~<~ :high
           AND deleted_at IS NULL
         ORDER BY lower(display_name) USING ~<~ LIMIT :limit)
    ) ORDER BY username LIMIT :limit
""")
_PASSWORD = text("SELECT password_hash FROM users WHERE id = :id AND deleted_at IS NULL")
_IS_ADMIN = text("SELECT is_admin FROM users WHERE id = :id AND deleted_at IS NULL")
_SET_ADMIN = text(
    "UPDATE users SET is_admin = :is_admin WHERE username = :username AND deleted_at IS NULL RETURNING id"
)
_SEEN = text("""
    UPDATE users SET last_seen_at = to_timestamp(seen.ms / 1000.0)
    FROM (SELECT id, max(ms) AS ms FROM unnest(CAST(:ids AS bigint[]), CAST(:ms AS bigint[])) AS u (id, ms)
          GROUP BY id) AS seen
    WHERE users.id = seen.id AND deleted_at IS NULL
      AND (last_seen_at IS NULL OR last_seen_at < to_timestamp(seen.ms / 1000.0))
""")


def get_users(conn: Connection, user_ids: Sequence[int]) -> dict[int, StoredUser]:
    """Those of the users that exist and were not deleted, by id."""
    rows = conn.execute(_GET, {"ids": list(user_ids)})
    return {user.id: user for user in structs(StoredUser, rows)}


def find_credentials(conn: Connection, username: str) -> Credentials | None:
    """The user of that name, in any case of letters, with what a login is checked against."""
    row = conn.execute(_BY_NAME, {"username": username.lower()}).first()
    return None if row is None else Credentials(StoredUser(*row[:-1]), row[-1])


def find_user_by_username(conn: Connection, username: str) -> StoredUser | None:
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
) -> StoredUser | None:
    """None where the name (or the outside identity) is taken. The name is stored lower-cased."""
    values = {
        "username": username.lower(),
        "display_name": display_name,
        "avatar_url": avatar_url,
        "password_hash": password_hash,
        "issuer": issuer,
        "subject": subject,
    }
    return first(StoredUser, conn.execute(_INSERT, values).first())


def search_by_prefix(conn: Connection, prefix: str, limit: int = 20) -> list[StoredUser]:
    """Users whose username or display name begins with ``prefix``, by username; none for an empty one."""
    low = prefix.strip().lower()
    if not low:
        return []
    bounds = {"low": low, "high": _after_prefix(low), "limit": limit}
    return structs(StoredUser, conn.execute(_SEARCH, bounds))


def _after_prefix(prefix: str) -> str:
    """The least text, in the order of code points, that is greater than everything which begins with
    ``prefix``.
    """
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
) -> StoredUser | None:
    """Change what is given, and answer the user as it now is; None where there is no such user."""
    given = (("display_name", display_name), ("avatar_url", avatar_url), ("last_seen_visible", last_seen_visible))
    changes = {name: value for name, value in given if value is not UNSET}
    if changes:
        conn.execute(update(User).where(User.id == user_id).values(**changes))
    return get_users(conn, [user_id]).get(user_id)


def password_hash_of(conn: Connection, user_id: int) -> str | None:
    """None for a user that only an outside service knows, and for none."""
    return conn.execute(_PASSWORD, {"id": user_id}).scalar()


def is_admin(conn: Connection, user_id: int) -> bool:
    return bool(conn.execute(_IS_ADMIN, {"id": user_id}).scalar())


def set_admin(conn: Connection, username: str, is_admin: bool) -> bool:
    """False where there is no such user."""
    values = {"username": username.lower(), "is_admin": is_admin}
    return conn.execute(_SET_ADMIN, values).first() is not None


def set_last_seen(conn: Connection, seen: Sequence[tuple[int, int]]) -> None:
    """``(user_id, ms)`` of many users in one statement. Only ever moves forward."""
    if seen:
        conn.execute(_SEEN, {"ids": [user for user, _ in seen], "ms": [ms for _, ms in seen]})


def get_or_create_external(
    conn: Connection, issuer: str, subject: str, *, username: str = "", display_name: str = ""
) -> StoredUser:
    """The user that an outside service vouches for, made at first sight. Safe under concurrency.

    ``username`` is a wish: where it is taken or not allowed, a name made from the identity stands in. Raise
    AccountDeletedError where the identity's account was deleted: it does not come back.
    """
    identity = {"issuer": issuer, "subject": subject}
    for name in ("", username.lower(), _derived_username(issuer, subject)):
        if _USERNAME.fullmatch(name) and not is_reserved(name):
            insert_user(conn, name, display_name or name, issuer=issuer, subject=subject)
        row = conn.execute(_BY_SUBJECT, identity).first()
        if row is not None:
            if row[-1]:
                raise AccountDeletedError
            return StoredUser(*row[:-1])
    raise LookupError(f"no username is free for subject {subject!r}")


def _derived_username(issuer: str, subject: str) -> str:
    return "u-" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:24]
