"""Users whom an outside service vouches for: made at first sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import Unauthorized
from app.services.auth.external_issuer import OutsideClaims
from app.store import users
from app.store.engine import writing

if TYPE_CHECKING:
    from app.container import Container


def user_id_of(parley: Container, claims: OutsideClaims) -> int:
    """The user's id here. Asked once a token, not once a request (app/services/auth/token_cache.py).

    Raise Unauthorized for somebody who deleted the account here.
    """
    try:
        return _user_of(parley, claims).id
    except users.AccountDeletedError:
        raise Unauthorized("The account was deleted.") from None


def _user_of(parley: Container, claims: OutsideClaims) -> users.StoredUser:
    with writing(parley.engine) as conn:
        return users.get_or_create_external(
            conn,
            claims.issuer,
            claims.subject,
            username=claims.username,
            display_name=claims.display_name,
        )
