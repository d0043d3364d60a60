"""A new auth session: one sign-in on one device, and the family that its refresh tokens belong to."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from app.core.accounts import Tokens
from app.services.auth.local_tokens import make_tokens
from app.store import auth_sessions

if TYPE_CHECKING:
    from app.container import Container


def begin_auth_session(parley: Container, conn: Connection, user_id: int) -> Tokens:
    """In the caller's transaction: the tokens are good once that is committed."""
    sid = str(uuid.uuid4())
    expires_ms = refresh_ends_ms(parley)
    auth_sessions.create_session(conn, sid, user_id, device_id=None, expires_ms=expires_ms)
    return make_tokens(user_id, sid, generation=0)


def refresh_ends_ms(parley: Container) -> int:
    return int((time.time() + parley.settings.refresh_token_seconds) * 1000)
