"""Changes the password of a signed-in user."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.accounts import ChangePassword, SignInsEnding
from app.core.caller import Caller
from app.core.errors import Conflict, Unauthorized
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.check_password import check_own_password
from app.services.auth.passwords import Passwords
from app.services.auth.weak_passwords import check_password_strength
from app.store import second_factors, users
from app.store.engine import reading, writing


def change_password(
    caller: Caller, given: ChangePassword, *, engine: Engine, passwords: Passwords, sessions: AuthSessions
) -> SignInsEnding | None:
    """Stores the new password and ends all other sessions of the user, in one transaction. Returns the result of
    ``AuthSessions.announce``.

    Raises Invalid if the new password is common or made of the username, Forbidden if the current password is wrong or
    the account has none, Unauthorized if the caller's session has ended, Conflict if another request changes the
    password at the same time.
    """
    old = check_own_password(caller.user_id, given.current, engine=engine, passwords=passwords)
    with reading(engine) as conn:
        username = users.username_of(conn, caller.user_id)
    check_password_strength(given.new, username or "", field="new")
    new = passwords.hash(given.new)
    with writing(engine) as conn:
        if not users.replace_password_hash(conn, caller.user_id, old, new):
            raise Conflict("The password was changed by another request.")
        # A request of an ended session may still be under way, and must not change anything.
        if sessions.has_ended(conn, caller.sid):
            raise Unauthorized("This sign-in has ended.")
        second_factors.forget_pending(conn, caller.user_id)  # somebody who knew the old password may have begun it
        record(conn, "password.changed", actor_id=caller.user_id, target_id=caller.user_id)
        ended = sessions.end_others(conn, caller, "password changed")
    return sessions.announce(ended)
