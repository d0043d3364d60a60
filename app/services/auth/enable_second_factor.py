"""Turns the second factor of an account on: a secret for the authenticator first, then a code that proves it works."""

from __future__ import annotations

import base64
import secrets

from sqlalchemy import Connection, Engine

from app.core.caller import Caller
from app.core.errors import Conflict, Forbidden, Unauthorized
from app.core.second_factor import (
    RECOVERY_BYTES,
    RECOVERY_CODES,
    BeginSecondFactor,
    ConfirmSecondFactor,
    PendingSecondFactor,
    RecoveryCodes,
    grouped,
    normal_code,
    recovery_hash,
)
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.check_password import check_own_password
from app.services.auth.one_time_codes import OneTimeCodes
from app.services.auth.passwords import Passwords
from app.store import second_factors as store
from app.store import users
from app.store.engine import reading, writing
from app.task_queue import enqueue_second_factor_notice

WRONG_CODE = "Wrong code, or one that was used before."
IS_ON = "The second factor is already on."


def begin_second_factor(
    caller: Caller, given: BeginSecondFactor, *, engine: Engine, passwords: Passwords, codes: OneTimeCodes
) -> PendingSecondFactor:
    """Stores a new secret and returns it. It counts once it is confirmed; until then, another call replaces it.

    Raises Forbidden if the password is wrong or the account has none, Conflict if the second factor is on.
    """
    check_own_password(caller.user_id, given.password, engine=engine, passwords=passwords)
    with reading(engine) as conn:
        username = users.username_of(conn, caller.user_id)
    made = codes.new_secret(username or "")
    with writing(engine) as conn:
        if not store.store_pending(conn, caller.user_id, made.sealed):
            raise Conflict(IS_ON)
    return PendingSecondFactor(made.secret, made.uri)


def confirm_second_factor(
    caller: Caller,
    given: ConfirmSecondFactor,
    *,
    engine: Engine,
    codes: OneTimeCodes,
    sessions: AuthSessions,
    language: str | None = None,
) -> RecoveryCodes:
    """Turns the second factor on, notifies the user by mail and returns the recovery codes. All sign-ins stay.

    Raises Forbidden if the code is wrong, Conflict if nothing waits to be confirmed, Unauthorized if the caller's
    session has ended.
    """
    user_id = caller.user_id
    with writing(engine) as conn:
        check_not_ended(conn, caller, sessions)
        sealed = store.pending_secret(conn, user_id)
        if sealed is None:
            raise Conflict(IS_ON if store.is_on(conn, user_id) else "Request a new secret first.")
        step = codes.step_of(sealed, normal_code(given.code))
        if step is not None and not store.confirm(conn, user_id, sealed, step):
            raise Conflict("The second factor was changed by another request.")
        record(conn, "totp.failed" if step is None else "totp.enabled", actor_id=user_id, target_id=user_id)
        made = None if step is None else replace_recovery_codes(conn, user_id)
    if made is None:
        raise Forbidden(WRONG_CODE)
    enqueue_second_factor_notice(user_id, on=True, language=language)
    return made


def replace_recovery_codes(conn: Connection, user_id: int) -> RecoveryCodes:
    """Stores new recovery codes and returns them; earlier ones stop working."""
    made = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    store.replace_recovery_codes(conn, user_id, map(recovery_hash, made))
    return RecoveryCodes([grouped(code) for code in made])


def check_not_ended(conn: Connection, caller: Caller, sessions: AuthSessions) -> None:
    """Raises Unauthorized if the caller's session has ended. A request of a thief whose session was just ended may
    still be under way, and must not lock the owner out.
    """
    if sessions.has_ended(conn, caller.sid):
        raise Unauthorized("This sign-in has ended.")
