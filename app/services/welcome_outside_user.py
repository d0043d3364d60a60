"""Users whom an outside service vouches for: made at first sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.services.trust_issuer import OutsideClaims
from app.store import users
from app.store.engine import writing

if TYPE_CHECKING:
    from app.extensions import Parley


def user_id_of(parley: Parley, claims: OutsideClaims) -> int:
    """The user's id here. Asked once a token, not once a request (app/services/token_cache.py)."""
    with writing(parley.engine) as conn:
        user = users.get_or_create_external(
            conn,
            claims.issuer,
            claims.subject,
            username=claims.username,
            display_name=claims.display_name,
        )
    return user.id
