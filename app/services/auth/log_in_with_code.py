"""Completes a sign-in: the password was right, and the account has a second factor."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from app.core.errors import Unauthorized
from app.core.sign_ins import Origin
from app.services.audit.record import record
from app.services.auth.auth_sessions import NOWHERE, AuthSession, AuthSessions, SignIn
from app.services.auth.challenges import Challenge, has_ended
from app.services.auth.enable_second_factor import WRONG_CODE
from app.services.auth.one_time_codes import OneTimeCodes
from app.services.auth.take_code import take_code
from app.services.reading.user_json import view_of
from app.store import second_factors, users
from app.store.engine import writing


def log_in_with_code(
    challenge: Challenge,
    code: str,
    *,
    engine: Engine,
    codes: OneTimeCodes,
    sessions: AuthSessions,
    origin: Origin = NOWHERE,
) -> SignIn:
    """Begins a session. Raises Unauthorized if the code is wrong or was used, Invalid if the challenge ended because
    the password changed or the second factor is off, Suspended.
    """
    user_id = challenge.user_id
    with writing(engine) as conn:
        _check_still_valid(conn, challenge)
        proof = take_code(conn, user_id, code, codes=codes)
        session: AuthSession | None = None
        if proof is not None:
            session = sessions.begin(conn, user_id, origin)
            record(conn, "sign_in", actor_id=user_id, target_id=user_id, sessionId=session.sid, secondFactor=proof)
        user = users.get_users(conn, [user_id])[user_id]
    if session is None:
        raise Unauthorized(WRONG_CODE)
    return SignIn(view_of(user), session)


def _check_still_valid(conn: Connection, challenge: Challenge) -> None:
    """Raises Invalid if the challenge has ended. Until the transaction ends, nobody can change the password."""
    stored = users.password_hash_of(conn, challenge.user_id)
    is_same = challenge.is_for(stored) and users.hold_password_hash(conn, challenge.user_id, stored)
    if not is_same or not second_factors.is_on(conn, challenge.user_id):
        raise has_ended()
