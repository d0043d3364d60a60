"""Uses up a one-time code or a recovery code of a user."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.second_factor import Proof, is_one_time_code, normal_code, recovery_hash
from app.services.audit.record import record
from app.services.auth.one_time_codes import OneTimeCodes
from app.store import second_factors as store


def take_code(
    conn: Connection, user_id: int, code: str, *, codes: OneTimeCodes, actor_id: int | None = None
) -> Proof | None:
    """Returns the kind of the code; None if it is wrong or was used. Each code works once, even in simultaneous
    requests.

    Records a wrong code and the use of a recovery code within the caller's transaction, which must be committed even
    if the code is wrong. The caller limits how often this may be tried (CodeGuard).
    """
    proof = _proof(conn, user_id, normal_code(code), codes)
    if proof is None:
        record(conn, "totp.failed", actor_id=actor_id, target_id=user_id)
    if proof == "recovery code":
        record(conn, "totp.recovery_used", actor_id=user_id, target_id=user_id)
    return proof


def _proof(conn: Connection, user_id: int, code: str, codes: OneTimeCodes) -> Proof | None:
    if not is_one_time_code(code):
        return "recovery code" if store.take_recovery_code(conn, user_id, recovery_hash(code)) else None
    sealed = store.secret_of(conn, user_id)
    step = None if sealed is None else codes.step_of(sealed, code)
    return "one-time code" if step is not None and store.take_step(conn, user_id, step) else None
