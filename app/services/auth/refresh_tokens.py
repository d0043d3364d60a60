"""Exchange a refresh token for the next pair. Each is good once: its second use means that somebody holds a
copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts import Tokens
from app.core.errors import Unauthorized
from app.services.auth.begin_auth_session import refresh_ends_ms
from app.services.auth.check_local_accounts import check_local_accounts
from app.services.auth.local_tokens import LocalClaims, make_tokens
from app.services.auth.log_out import end_auth_session
from app.store import auth_sessions
from app.store.engine import writing

if TYPE_CHECKING:
    from app.container import Container


def refresh_tokens(parley: Container, claims: LocalClaims) -> Tokens:
    """Raise Unauthorized where the token was used before (its whole family is then revoked), logged out, or
    expired.

    A client whose answer was lost signs in again: it cannot be told from a thief.
    """
    check_local_accounts(parley.settings)
    with writing(parley.engine) as conn:
        rotation = auth_sessions.rotate_refresh(conn, claims.sid, claims.gen, expires_ms=refresh_ends_ms(parley))
    if rotation.outcome == "reused":
        end_auth_session(parley, claims.sid, rotation.user_id, "refresh token used twice")
    if rotation.outcome != "rotated" or rotation.user_id != claims.user_id:
        raise Unauthorized("The refresh token is not valid any more.")
    return make_tokens(rotation.user_id, claims.sid, rotation.generation)
