"""Lists the sign-ins of a user, and ends them."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.accounts import SignInList, SignInsEnding, SignInView
from app.core.caller import Caller
from app.core.errors import NotFound
from app.core.times import rfc3339
from app.services.auth.auth_sessions import AuthSessions
from app.store import auth_sessions as store
from app.store.engine import reading, writing

MAX_LISTED = 100


def list_sign_ins(caller: Caller, *, engine: Engine) -> SignInList:
    """Returns the caller's sign-ins that have not ended: at most 100, the last used one first."""
    with reading(engine) as conn:
        rows = store.sessions_of(conn, caller.user_id, MAX_LISTED)
    return SignInList([_view(row, caller) for row in rows])


def end_sign_in(caller: Caller, sid: str, *, engine: Engine, sessions: AuthSessions) -> SignInsEnding | None:
    """Ends one sign-in of the caller. Raises NotFound if it is not theirs. Safe to repeat. Returns what
    ``AuthSessions.announce`` does.
    """
    with reading(engine) as conn:
        found = store.find_session(conn, sid)
    if found is None or found.user_id != caller.user_id:
        raise NotFound
    return sessions.end(sid, caller.user_id, "ended by its user")


def end_other_sign_ins(caller: Caller, *, engine: Engine, sessions: AuthSessions) -> SignInsEnding | None:
    """Ends all sign-ins of the caller except the one that makes the request. Returns what ``AuthSessions.announce``
    does.
    """
    with writing(engine) as conn:
        ended = sessions.end_others(conn, caller, "ended by its user")
    return sessions.announce(ended)


def _view(row: store.SignInRow, caller: Caller) -> SignInView:
    return SignInView(
        row.id,
        rfc3339(row.created_ms),
        rfc3339(row.last_used_ms),
        current=row.id == caller.sid,
        device_name=row.device_name,
        network=row.network,
    )
