"""Signs a user in with a password."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from app.core.accounts import LogIn
from app.core.errors import Unauthorized
from app.core.sign_ins import Origin
from app.services.audit.record import record
from app.services.auth.auth_sessions import NOWHERE, AuthSessions, SignIn
from app.services.auth.passwords import Passwords
from app.services.reading.user_json import view_of
from app.store import second_factors, users
from app.store.engine import reading, writing

WRONG = "Wrong username or password."


class CodeNeeded(NamedTuple):
    """The password was right, but the account has a second factor."""

    user_id: int
    password_hash: str


def log_in(
    given: LogIn, *, engine: Engine, passwords: Passwords, sessions: AuthSessions, origin: Origin = NOWHERE
) -> SignIn | CodeNeeded:
    """Begins a session, unless the account has a second factor. Raises Unauthorized if the username or the password is
    wrong.

    Both cases have the same message and take the same time, so that nobody can find out which usernames exist.
    """
    with reading(engine) as conn:
        found = users.find_credentials(conn, given.username)
    stored = found.password_hash if found else None
    if not passwords.verify(stored, given.password) or found is None or stored is None:
        with writing(engine) as conn:
            record(conn, "sign_in.failed", target_id=None if found is None else found.user.id)
        raise Unauthorized(WRONG)
    with writing(engine) as conn:
        # Otherwise a sign-in could begin with the old password after a change ended all other sessions.
        if not users.hold_password_hash(conn, found.user.id, stored):
            raise Unauthorized(WRONG)
        if second_factors.is_on(conn, found.user.id):
            return CodeNeeded(found.user.id, stored)
        session = sessions.begin(conn, found.user.id, origin)
        record(conn, "sign_in", actor_id=found.user.id, target_id=found.user.id, sessionId=session.sid)
    return SignIn(view_of(found.user), session)
