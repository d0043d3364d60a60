"""Checks the password of a signed-in user, before acts that a stolen token must not do."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.errors import Forbidden
from app.services.audit.record import record
from app.services.auth.passwords import Passwords
from app.store import users
from app.store.engine import reading, writing


def check_own_password(user_id: int, password: str, *, engine: Engine, passwords: Passwords) -> str:
    """Returns the stored hash. Raises Forbidden if the password is wrong or the account has none. The caller limits how
    often this may be tried (PasswordGuard.confirming).
    """
    with reading(engine) as conn:
        stored = users.password_hash_of(conn, user_id)
    if not passwords.verify(stored, password) or stored is None:
        with writing(engine) as conn:
            record(conn, "password.failed", actor_id=user_id, target_id=user_id)
        raise Forbidden("Wrong password.")
    return stored
