"""Users: those who registered here, and external users, who sign in at an identity provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    column,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.core.people_names import NameQuery
from app.core.user_status import Status
from app.store.models import User
from app.store.people_names import find_by_name, ids_with_prefix, write_name, write_new_names
from app.store.sql import BIGINTS, any_of, as_ms, first, moment, structs

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
    User.hide_blocked,
    User.status_text,
    User.status_emoji,
    as_ms(User.status_until),
    as_ms(User.do_not_disturb_until),
    User.locale,
    User.external_id,
    User.metadata_,
)
# A change of these reaches everybody who sees the user (store/changed_people.py).
SHOWN = frozenset(
    {"display_name", "avatar_url", "status_text", "do_not_disturb_until", "last_seen_visible", "metadata"}
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
    hide_blocked: bool = False
    status_text: str | None = None
    status_emoji: str | None = None
    status_until_ms: int | None = None
    do_not_disturb_ms: int | None = None
    locale: str | None = None
    external_id: str | None = None
    metadata: dict[str, Any] | None = None

    @property
    def status(self) -> Status:
        return Status(self.status_text, self.status_emoji, self.status_until_ms)


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
    return None if row is None else Credentials(StoredUser(*list(row)[:-1]), row[-1])


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
    external_id: str | None = None,
    last_seen_visible: str = "everyone",
) -> StoredUser | None:
    """Stores a new user, with the name in lower case. Returns None if the name, the external identity or the external
    id is taken.
    """
    new = insert(User).values(
        username=username.lower(),
        display_name=display_name,
        avatar_url=avatar_url,
        password_hash=password_hash,
        issuer=issuer,
        subject=subject,
        external_id=external_id,
        last_seen_visible=last_seen_visible,
    )
    made = first(StoredUser, conn.execute(new.on_conflict_do_nothing().returning(*USER_COLUMNS)).first())
    if made is not None:
        write_new_names(conn, [(made.id, display_name)])
    return made


def search_by_prefix(conn: Connection, prefix: str, limit: int = 20) -> list[StoredUser]:
    """Returns users whose username, or words of whose display name, begin with ``prefix``, by username."""
    query = NameQuery(prefix)
    if not query.start:
        return []
    names: tuple[ColumnElement[str], ...] = (User.username.expression, func.lower(User.display_name))
    found = union_all(*(ids_with_prefix(name, query.start, limit) for name in names))
    users = select(User.username, User.id).where(User.id.in_(found))
    by_name = {(username, id_) for username, id_ in conn.execute(users)} | set(find_by_name(conn, query))
    return in_order(conn, sorted(by_name)[:limit])


def in_order(conn: Connection, named: Sequence[tuple[str, int]]) -> list[StoredUser]:
    """Returns the users of (username, id) in this order."""
    found = get_users(conn, [user for _, user in named])
    return [found[user] for _, user in named if user in found]


def differing(was: StoredUser, **wanted: Any) -> dict[str, Any]:
    """Returns the wanted fields whose value is not the user's already. UNSET means that a field stays as it is."""
    return {name: value for name, value in wanted.items() if value not in (UNSET, getattr(was, name))}


def update_profile(
    conn: Connection,
    user_id: int,
    *,
    display_name: str | UnsetType = UNSET,
    avatar_url: str | UnsetType | None = UNSET,
    last_seen_visible: str | UnsetType = UNSET,
    may_add: str | UnsetType = UNSET,
    may_write: str | UnsetType = UNSET,
    hide_blocked: bool | UnsetType = UNSET,
    status: Status | UnsetType = UNSET,
    do_not_disturb_ms: int | UnsetType | None = UNSET,
    locale: str | UnsetType | None = UNSET,
    metadata: dict[str, Any] | UnsetType | None = UNSET,
) -> StoredUser | None:
    """Changes the given fields and returns the updated user; None if there is no such user."""
    given: dict[str, Any] = {
        "display_name": display_name,
        "avatar_url": avatar_url,
        "last_seen_visible": last_seen_visible,
        "may_add": may_add,
        "may_write": may_write,
        "hide_blocked": hide_blocked,
        "locale": locale,
        "metadata": metadata if metadata is UNSET else metadata or null(),
    }
    changes = {name: value for name, value in given.items() if value is not UNSET}
    if isinstance(status, Status):
        changes |= {"status_text": status.text, "status_emoji": status.emoji, "status_until": _time(status.until_ms)}
    if not isinstance(do_not_disturb_ms, UnsetType):
        changes["do_not_disturb_until"] = _time(do_not_disturb_ms)
    if not SHOWN.isdisjoint(changes):
        changes["changed_at"] = func.now()
    if changes:
        conn.execute(update(User).where(User.id == user_id).values(**changes))
    if display_name is not UNSET:
        write_name(conn, user_id, display_name)
    return get_users(conn, [user_id]).get(user_id)


def _time(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


def password_hash_of(conn: Connection, user_id: int) -> str | None:
    """Returns None for an external user, or if there is no such user."""
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


def locale_of(conn: Connection, user_id: int) -> str | None:
    """Returns the language that the user chose; None if they chose none."""
    return conn.execute(select(User.locale).where(User.id == user_id, EXISTS)).scalar()


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
