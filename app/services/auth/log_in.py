"""Sign in with a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts import LogIn, SignedIn
from app.core.errors import Unauthorized
from app.services.auth.begin_auth_session import begin_auth_session
from app.services.auth.check_local_accounts import check_local_accounts
from app.services.reading.user_json import view_of
from app.store import users
from app.store.engine import reading, writing

if TYPE_CHECKING:
    from app.container import Container


def log_in(parley: Container, given: LogIn) -> SignedIn:
    """Raise Unauthorized, in the same words and the same time whether the name or the password is wrong."""
    check_local_accounts(parley.settings)
    with reading(parley.engine) as conn:
        found = users.find_credentials(conn, given.username)
    if not parley.passwords.verify(found.password_hash if found else None, given.password) or found is None:
        raise Unauthorized("Wrong username or password.")
    with writing(parley.engine) as conn:
        tokens = begin_auth_session(parley, conn, found.user.id)
    return SignedIn(view_of(found.user), tokens.access_token, tokens.refresh_token)
