"""Signs in as a demo user, with the code of a demo link. Development only."""

from __future__ import annotations

from sqlalchemy import Engine

from app.config import Settings
from app.core.demo_code import demo_user
from app.core.errors import NotFound, Unauthorized
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSessions, SignIn
from app.services.reading.user_json import view_of
from app.store import users
from app.store.engine import reading, writing


def demo_is_on(settings: Settings) -> bool:
    """Returns whether demo links work. They never work in production."""
    return bool(settings.demo_key) and not settings.production


def log_in_demo(code: str, *, engine: Engine, sessions: AuthSessions, settings: Settings) -> SignIn:
    """Begins a session. Raises NotFound if the demo is off; Unauthorized if the code belongs to another run of the
    server or its user does not exist.
    """
    if not demo_is_on(settings):
        raise NotFound
    username = demo_user(settings.demo_key, code)
    if username is None:
        raise Unauthorized("This link belongs to another run of the server.")
    with reading(engine) as conn:
        user = users.find_user_by_username(conn, username)
    if user is None:
        raise Unauthorized("The demo user does not exist.")
    with writing(engine) as conn:
        session = sessions.begin(conn, user.id)
        record(conn, "sign_in", actor_id=user.id, target_id=user.id, sessionId=session.sid, how="demo link")
    return SignIn(view_of(user), session)
