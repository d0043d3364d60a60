"""Checks the password of a signed-in user, before acts that a stolen token must not do.

The caller limits how often this may be tried (PasswordGuard.confirming).
"""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import Engine

from app.core.errors import Forbidden, Invalid
from app.services.audit.record import record
from app.services.auth.passwords import Passwords
from app.store import users
from app.store.engine import reading, writing


def check_own_password(user_id: int, password: str, *, engine: Engine, passwords: Passwords) -> str:
    """Returns the stored hash. Raises Forbidden if the password is wrong or the account has none."""
    stored = _stored_hash(user_id, engine)
    if not passwords.verify(stored, password) or stored is None:
        _refuse(user_id, engine)
    return stored


def check_password_if_any(user_id: int, password: str | None, *, engine: Engine, passwords: Passwords) -> None:
    """Accepts anything if the account has no password. Raises Invalid if the password is missing, Forbidden if it is
    wrong.
    """
    stored = _stored_hash(user_id, engine)
    if stored is None:
        return
    if password is None:
        raise Invalid.field("password", "is required")
    if not passwords.verify(stored, password):
        _refuse(user_id, engine)


def _stored_hash(user_id: int, engine: Engine) -> str | None:
    with reading(engine) as conn:
        return users.password_hash_of(conn, user_id)


def _refuse(user_id: int, engine: Engine) -> NoReturn:
    with writing(engine) as conn:
        record(conn, "password.failed", actor_id=user_id, target_id=user_id)
    raise Forbidden("Wrong password.")
