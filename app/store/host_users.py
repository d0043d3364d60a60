"""Users by the ids that the host gave to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import User
from app.store.people_names import write_new_names
from app.store.sql import any_text, as_ms
from app.store.suspensions import SHADOWED, SUSPENDED, Suspension
from app.store.users import EXISTS, USER_COLUMNS, StoredUser


class StoredHostUser(Struct, frozen=True):
    user: StoredUser
    created_ms: int
    email: str | None
    suspension: Suspension | None


_MORE: tuple[ColumnElement[Any], ...] = (
    as_ms(User.created_at),
    User.email.expression,
    or_(and_(*SUSPENDED), and_(*SHADOWED)),
    as_ms(User.suspended_until),
    User.suspended_reason.expression,
    User.suspended_shadow.expression,
)


class NewHostUser(NamedTuple):
    external_id: str
    username: str
    display_name: str
    email: str | None
    locale: str | None


def insert_host_users(
    conn: Connection, new: Sequence[NewHostUser], *, last_seen_visible: str
) -> dict[str, StoredHostUser]:
    """Stores users in one statement. Returns them by external id, without those whose user name or external id is
    taken. Needs a transaction.
    """
    if not new:
        return {}
    rows = [{**one._asdict(), "last_seen_visible": last_seen_visible} for one in new]
    once = insert(User).values(rows).on_conflict_do_nothing().returning(*USER_COLUMNS, User.email)
    made: dict[str, StoredHostUser] = {}
    for *fields, email in conn.execute(once):
        user = StoredUser(*fields)
        made[str(user.external_id)] = StoredHostUser(user, 0, email, None)
    write_new_names(conn, [(one.user.id, one.user.display_name) for one in made.values()])
    return made


def find_host_users(conn: Connection, external_ids: Sequence[str]) -> dict[str, StoredHostUser]:
    """Returns the users with these external ids, by that id."""
    return _by_id(conn, _having(external_ids))


def lock_host_users(conn: Connection, external_ids: Sequence[str]) -> dict[str, StoredHostUser]:
    """Does the same, and locks these users until the transaction ends."""
    return _by_id(conn, _having(external_ids).order_by(User.external_id).with_for_update(key_share=True))


def user_ids_of(conn: Connection, external_ids: Sequence[str]) -> dict[str, int]:
    """Returns external id -> user id, for the users that exist."""
    if not external_ids:
        return {}
    found = select(User.external_id, User.id).where(User.external_id == any_text(external_ids), EXISTS)
    return {str(external_id): user_id for external_id, user_id in conn.execute(found)}


def set_username(conn: Connection, user_id: int, username: str) -> None:
    """Raises IntegrityError if another user has this name."""
    conn.execute(update(User).where(User.id == user_id).values(username=username))


def is_username_taken(conn: Connection, username: str) -> bool:
    return conn.execute(select(literal(1)).where(User.username == username)).first() is not None


def _having(external_ids: Sequence[str]) -> Select[Any]:
    columns: tuple[Any, ...] = (*USER_COLUMNS, *_MORE)
    return select(*columns).where(User.external_id == any_text(external_ids), EXISTS)


def _by_id(conn: Connection, found: Select[Any]) -> dict[str, StoredHostUser]:
    users = {}
    for row in conn.execute(found):
        *fields, created_ms, email, is_suspended, until_ms, reason, shadow = row
        suspension = Suspension(until_ms, reason, shadow) if is_suspended else None
        user = StoredUser(*fields)
        users[str(user.external_id)] = StoredHostUser(user, created_ms, email, suspension)
    return users
