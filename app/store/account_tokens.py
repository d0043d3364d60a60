"""Tokens of links: each works once, for one purpose."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from app.core.account_mails import Purpose
from app.store.models import AccountToken
from app.store.sql import first


class TokenRow(Struct, frozen=True):
    user_id: int
    email: str | None


def make_token(conn: Connection, user_id: int, purpose: Purpose, *, seconds: int, email: str | None = None) -> str:
    """Stores a new token and returns it. Nobody can read it again."""
    token = secrets.token_urlsafe(32)
    expires = func.now() + timedelta(seconds=seconds)
    values = {"hash": _hash(token), "user_id": user_id, "purpose": purpose, "email": email}
    conn.execute(insert(AccountToken).values(**values, expires_at=expires))
    return token


def find_token(conn: Connection, token: str, purpose: Purpose) -> TokenRow | None:
    """Returns the token's user and address without using it up; None if it was used, has expired or never existed."""
    columns = AccountToken.user_id, AccountToken.email
    return first(TokenRow, conn.execute(select(*columns).where(*_is_valid(token, purpose))).first())


def take_token(conn: Connection, token: str, purpose: Purpose) -> TokenRow | None:
    """Uses the token up and returns its user and address. If several callers try at once, only one gets them."""
    taken = delete(AccountToken).where(*_is_valid(token, purpose))
    return first(TokenRow, conn.execute(taken.returning(AccountToken.user_id, AccountToken.email)).first())


def forget_tokens(conn: Connection, user_id: int, *purposes: Purpose) -> None:
    """Makes the user's other links of these purposes useless."""
    theirs = AccountToken.user_id == user_id, AccountToken.purpose.in_(purposes)
    conn.execute(delete(AccountToken).where(*theirs))


def forget_expired_tokens(conn: Connection) -> None:
    conn.execute(delete(AccountToken).where(AccountToken.expires_at < func.now()))


def _is_valid(token: str, purpose: Purpose) -> tuple[ColumnElement[bool], ...]:
    return AccountToken.hash == _hash(token), AccountToken.purpose == purpose, AccountToken.expires_at > func.now()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
