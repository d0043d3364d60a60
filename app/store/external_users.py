"""Users who sign in with tokens of an external user service, and the time of each user's newest token.

The subject of a token is the host's own id of the user. A user whom the host created with this id (store/host_users.py)
is therefore the same user, unless that user belongs to another issuer.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from app.core.accounts import USERNAME, is_reserved
from app.core.host_users import is_external_id
from app.store.host_users import user_ids_of
from app.store.models import User
from app.store.sql import any_of, as_ms, moment
from app.store.users import EXISTS, USER_COLUMNS, StoredUser, insert_user


class AccountDeletedError(LookupError):
    """The external identity had an account here, and that account was deleted."""


class ExternalUser(Struct, frozen=True):
    """``claims_ms`` is when the newest token was issued, or when the host last wrote the profile.

    ``linked``: the user has the identity of a token.
    """

    user: StoredUser
    email: str | None
    claims_ms: int | None
    linked: bool


_MORE: tuple[ColumnElement[Any], ...] = (User.email.expression, as_ms(User.claims_at), User.issuer.is_not(None))


def find_external(conn: Connection, issuer: str, subject: str) -> ExternalUser | None:
    """Returns the user of an external identity. Raises AccountDeletedError if the identity's account was deleted and
    the host has not created another one.
    """
    identity = and_(User.issuer == issuer, User.subject == subject)
    by_id = and_(User.external_id == subject, EXISTS, or_(User.issuer.is_(None), User.issuer == issuer))
    theirs = or_(identity, by_id) if is_external_id(subject) else identity
    # An existing account comes before a deleted one, and the identity before the external id.
    order = User.deleted_at.is_not(None), User.issuer.is_(None)
    found = select(*_columns(), User.deleted_at.is_not(None)).where(theirs).order_by(*order).limit(1)
    row = conn.execute(found).first()
    if row is None:
        return None
    if row[-1]:
        raise AccountDeletedError
    return _external(row[:-1])


def lock_external(conn: Connection, user_id: int) -> ExternalUser | None:
    """Returns the user and locks the row until the transaction ends; None if the account was deleted."""
    row = conn.execute(_living(user_id).with_for_update(key_share=True)).first()
    return None if row is None else _external(row)


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

    If ``username`` is taken or not allowed, the user gets a name derived from the identity. Raises AccountDeletedError
    as ``find_external`` does.
    """
    made = None
    for name in ("", username.lower(), _derived_username(issuer, subject)):
        if USERNAME.fullmatch(name) and not is_reserved(name):
            more: dict[str, Any] = {"issuer": issuer, "subject": subject, "last_seen_visible": last_seen_visible}
            more["external_id"] = subject if is_external_id(subject) and not user_ids_of(conn, [subject]) else None
            made = insert_user(conn, name, display_name or name, **more)
        found = find_external(conn, issuer, subject)
        if found is not None:
            return found.user, made is not None
    raise LookupError(f"no username is free for subject {subject!r}")


def link_identity(conn: Connection, user_id: int, issuer: str, subject: str) -> None:
    """Gives the identity of a token to a user whom the host created, unless a deleted account has it. If the user then
    deletes the account, this identity cannot create another one.
    """
    other = aliased(User)
    is_taken = exists().where(other.issuer == issuer, other.subject == subject)
    free = User.id == user_id, User.issuer.is_(None), ~is_taken
    conn.execute(update(User).where(*free).values(issuer=issuer, subject=subject))


def note_claims(conn: Connection, user_id: int, issued_ms: int) -> None:
    conn.execute(update(User).where(User.id == user_id).values(claims_at=moment(issued_ms)))


def note_host_write(conn: Connection, *user_ids: int) -> None:
    """Notes that the host wrote these profiles just now. Tokens are dated in whole seconds, and those of the present
    second count as newer.
    """
    newer = func.greatest(User.claims_at, func.date_trunc("second", func.now()) - timedelta(seconds=1))
    conn.execute(update(User).where(User.id == any_of(user_ids)).values(claims_at=newer))


def _living(user_id: int) -> Select[Any]:
    return select(*_columns()).where(User.id == user_id, EXISTS)


def _columns() -> tuple[Any, ...]:
    return (*USER_COLUMNS, *_MORE)


def _external(row: Any) -> ExternalUser:
    *fields, email, claims_ms, linked = row
    return ExternalUser(StoredUser(*fields), email, claims_ms, linked)


def _derived_username(issuer: str, subject: str) -> str:
    return "u-" + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:24]
