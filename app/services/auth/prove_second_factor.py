"""The acts that need the password and a code: turning the second factor off, and new recovery codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from app.core.caller import Caller
from app.core.errors import Conflict, Forbidden
from app.core.second_factor import ProveSecondFactor, RecoveryCodes
from app.services.audit.record import record
from app.services.auth.auth_sessions import AuthSessions
from app.services.auth.check_password import check_own_password
from app.services.auth.enable_second_factor import WRONG_CODE, check_not_ended, replace_recovery_codes
from app.services.auth.one_time_codes import OneTimeCodes
from app.services.auth.passwords import Passwords
from app.services.auth.take_code import take_code
from app.store import second_factors as store
from app.store.engine import writing
from app.task_queue import enqueue_second_factor_notice

T = TypeVar("T")

IS_OFF = "The second factor is off."


def disable_second_factor(
    caller: Caller,
    given: ProveSecondFactor,
    *,
    engine: Engine,
    passwords: Passwords,
    codes: OneTimeCodes,
    sessions: AuthSessions,
    language: str | None = None,
) -> None:
    """Turns the second factor off and notifies the user by mail. All sign-ins stay.

    Raises Forbidden if the password or the code is wrong, Conflict if the second factor is off, Unauthorized if the
    caller's session has ended.
    """
    user_id = caller.user_id

    def disable(conn: Connection) -> None:
        store.forget(conn, user_id)
        record(conn, "totp.disabled", actor_id=user_id, target_id=user_id)

    check_own_password(user_id, given.password, engine=engine, passwords=passwords)
    _with_code(disable, caller, given.code, engine=engine, codes=codes, sessions=sessions)
    enqueue_second_factor_notice(user_id, on=False, language=language)


def renew_recovery_codes(
    caller: Caller,
    given: ProveSecondFactor,
    *,
    engine: Engine,
    passwords: Passwords,
    codes: OneTimeCodes,
    sessions: AuthSessions,
) -> RecoveryCodes:
    """Replaces the recovery codes and returns the new ones. Raises what ``disable_second_factor`` does."""
    user_id = caller.user_id

    def renew(conn: Connection) -> RecoveryCodes:
        record(conn, "totp.codes_renewed", actor_id=user_id, target_id=user_id)
        return replace_recovery_codes(conn, user_id)

    check_own_password(user_id, given.password, engine=engine, passwords=passwords)
    return _with_code(renew, caller, given.code, engine=engine, codes=codes, sessions=sessions)


def _with_code(
    act: Callable[[Connection], T],
    caller: Caller,
    code: str,
    *,
    engine: Engine,
    codes: OneTimeCodes,
    sessions: AuthSessions,
) -> T:
    """Uses the code up and acts, in one transaction. A wrong code is recorded, so it raises only after the commit."""
    with writing(engine) as conn:
        check_not_ended(conn, caller, sessions)
        if not store.is_on(conn, caller.user_id):
            raise Conflict(IS_OFF)
        if take_code(conn, caller.user_id, code, codes=codes, actor_id=caller.user_id) is not None:
            return act(conn)
    raise Forbidden(WRONG_CODE)
