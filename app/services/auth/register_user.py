"""Make an account and sign its owner in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts import Register, SignedIn, checked_display_name, normal_username
from app.core.errors import Conflict
from app.services.auth.begin_auth_session import begin_auth_session
from app.services.auth.check_local_accounts import check_local_accounts
from app.services.reading.user_json import view_of
from app.store import users
from app.store.engine import writing

if TYPE_CHECKING:
    from app.container import Container


def register_user(parley: Container, wanted: Register) -> SignedIn:
    """Raise Invalid for a name that is not allowed, Conflict for one that is taken."""
    check_local_accounts(parley.settings)
    username = normal_username(wanted.username)
    display_name = checked_display_name(wanted.display_name or wanted.username)
    password_hash = parley.passwords.hash(wanted.password)
    with writing(parley.engine) as conn:
        user = users.insert_user(conn, username, display_name, password_hash=password_hash)
        if user is None:
            raise Conflict("This username is taken.")
        tokens = begin_auth_session(parley, conn, user.id)
    return SignedIn(view_of(user), tokens.access_token, tokens.refresh_token)
