"""Signs users in for the host's server, ends their sign-ins, and deletes their accounts."""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import Engine

from app.core.accounts import SignInsEnding
from app.core.host_users import IssueTokens, ServerUser
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSession, AuthSessions
from app.services.host.user_views import require_host_user, view_for_host
from app.store.engine import writing


class HostSignIn(NamedTuple):
    """``expires_at`` is the end of the access token, in unix seconds; ``seconds`` its lifetime."""

    user: ServerUser
    session: AuthSession
    seconds: int
    expires_at: int


def sign_in_for_host(
    external_id: str,
    wanted: IssueTokens,
    *,
    engine: Engine,
    sessions: AuthSessions,
    access_token_seconds: int,
    server_key: str,
) -> HostSignIn:
    """Begins an auth session. Raises NotFound, and Suspended with the reason and the end."""
    seconds = wanted.expires_in or access_token_seconds
    with writing(engine) as conn:
        stored = require_host_user(conn, external_id)
        user_id = stored.user.id
        session = sessions.begin_for_host(conn, user_id, token_seconds=seconds, refreshable=wanted.refresh)
        record(conn, "sign_in", target_id=user_id, sessionId=session.sid, serverKey=server_key)
    return HostSignIn(view_for_host(stored), session, seconds, int(time.time()) + seconds)


def end_sign_ins(external_id: str, *, engine: Engine, sessions: AuthSessions, server_key: str) -> SignInsEnding | None:
    """Ends all sign-ins of the user. Raises NotFound. Returns the result of ``AuthSessions.announce``."""
    with writing(engine) as conn:
        user_id = require_host_user(conn, external_id).user.id
        ended = sessions.end_all(conn, user_id, "ended by the host")
        record(conn, "session.ended", target_id=user_id, sessions=len(ended), serverKey=server_key)
    return sessions.announce(ended)
