"""Creates an account and signs its owner in."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.accounts import Register, checked_display_name, normal_username
from app.core.errors import Conflict
from app.core.sign_ins import Origin
from app.services.audit.record import record
from app.services.auth.auth_sessions import NOWHERE, AuthSessions, SignIn
from app.services.auth.passwords import Passwords
from app.services.auth.weak_passwords import check_password_strength
from app.services.reading.user_json import view_of
from app.store import users
from app.store.engine import writing
from app.store.host_events import add_user_events


def register_user(
    wanted: Register,
    *,
    engine: Engine,
    passwords: Passwords,
    sessions: AuthSessions,
    presence_visible: str,
    origin: Origin = NOWHERE,
) -> SignIn:
    """Creates the user and begins a session. Raises Invalid if a name is not allowed, Conflict if it is taken."""
    username = normal_username(wanted.username)
    display_name = checked_display_name(wanted.display_name or wanted.username)
    check_password_strength(wanted.password, username)
    password_hash = passwords.hash(wanted.password)
    with writing(engine) as conn:
        user = users.insert_user(
            conn, username, display_name, password_hash=password_hash, last_seen_visible=presence_visible
        )
        if user is None:
            raise Conflict("This username is taken.")
        session = sessions.begin(conn, user.id, origin)
        record(conn, "account.created", actor_id=user.id, target_id=user.id, sessionId=session.sid)
        add_user_events(conn, "user.created", [user.id])
    return SignIn(view_of(user), session)
