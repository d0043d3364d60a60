"""Sign in as a demo user, by the code of a demo link. In development only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts import SignedIn
from app.core.demo_code import demo_user
from app.core.errors import NotFound, Unauthorized
from app.services.auth.begin_auth_session import begin_auth_session
from app.services.reading.user_json import view_of
from app.store import users
from app.store.engine import reading, writing

if TYPE_CHECKING:
    from app.config import Settings
    from app.container import Container


def demo_is_on(settings: Settings) -> bool:
    """Never in production, whatever else is set."""
    return bool(settings.demo_key) and not settings.production


def log_in_demo(parley: Container, code: str) -> SignedIn:
    """Raise NotFound where there is no demo, Unauthorized for a code of another run or a user who is not there."""
    if not demo_is_on(parley.settings):
        raise NotFound
    username = demo_user(parley.settings.demo_key, code)
    if username is None:
        raise Unauthorized("This link is of another run.")
    with reading(parley.engine) as conn:
        user = users.find_user_by_username(conn, username)
    if user is None:
        raise Unauthorized("The demo user is not there.")
    with writing(parley.engine) as conn:
        tokens = begin_auth_session(parley, conn, user.id)
    return SignedIn(view_of(user), tokens.access_token, tokens.refresh_token)
