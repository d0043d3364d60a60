"""Second factors of accounts: an encrypted secret, the last step that was used, and hashes of recovery codes."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import RecoveryCode, SecondFactor
from app.store.sql import structs

_ON = SecondFactor.confirmed_at.is_not(None)


class StoredSecret(Struct, frozen=True):
    user_id: int
    secret: bytes


def store_pending(conn: Connection, user_id: int, secret: bytes) -> bool:
    """Stores a secret that is not confirmed yet and replaces an earlier one. Returns False if that is confirmed."""
    new = insert(SecondFactor).values(user_id=user_id, secret=secret)
    stored = new.on_conflict_do_update(
        index_elements=[SecondFactor.user_id],
        set_={"secret": new.excluded.secret, "created_at": func.now()},
        where=SecondFactor.confirmed_at.is_(None),
    )
    return conn.execute(stored.returning(SecondFactor.user_id)).first() is not None


def pending_secret(conn: Connection, user_id: int) -> bytes | None:
    return conn.execute(select(SecondFactor.secret).where(*_pending(user_id))).scalar()


def confirm(conn: Connection, user_id: int, secret: bytes, step: int) -> bool:
    """Turns the factor on and uses the step up. Returns False if another request has changed the factor."""
    same = update(SecondFactor).where(*_pending(user_id), SecondFactor.secret == secret)
    return conn.execute(same.values(confirmed_at=func.now(), last_step=step)).rowcount > 0


def secret_of(conn: Connection, user_id: int) -> bytes | None:
    """Returns the secret of a confirmed factor."""
    return conn.execute(select(SecondFactor.secret).where(SecondFactor.user_id == user_id, _ON)).scalar()


def is_on(conn: Connection, user_id: int) -> bool:
    return secret_of(conn, user_id) is not None


def take_step(conn: Connection, user_id: int, step: int) -> bool:
    """Uses up the step and all steps before it. Of several callers at once, only one gets it."""
    unused = SecondFactor.user_id == user_id, _ON, SecondFactor.last_step < step
    return conn.execute(update(SecondFactor).where(*unused).values(last_step=step)).rowcount > 0


def take_recovery_code(conn: Connection, user_id: int, code: bytes) -> bool:
    """Uses the code up. Of several callers at once, only one gets it."""
    this_one = RecoveryCode.user_id == user_id, RecoveryCode.hash == code
    return conn.execute(delete(RecoveryCode).where(*this_one)).rowcount > 0


def replace_recovery_codes(conn: Connection, user_id: int, codes: Iterable[bytes]) -> None:
    """Stores new codes; earlier ones stop working. Needs a transaction that holds the factor's row."""
    conn.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    conn.execute(insert(RecoveryCode), [{"user_id": user_id, "hash": code} for code in codes])


def forget(conn: Connection, user_id: int) -> bool:
    """Deletes the factor with its recovery codes. Returns whether it was on."""
    gone = delete(SecondFactor).where(SecondFactor.user_id == user_id).returning(SecondFactor.confirmed_at)
    return conn.execute(gone).scalar() is not None


def forget_pending(conn: Connection, user_id: int) -> None:
    conn.execute(delete(SecondFactor).where(*_pending(user_id)))


def secrets_after(conn: Connection, user_id: int, limit: int) -> list[StoredSecret]:
    """Returns the secrets of users with greater ids, by id."""
    later = select(SecondFactor.user_id, SecondFactor.secret).where(SecondFactor.user_id > user_id)
    return structs(StoredSecret, conn.execute(later.order_by(SecondFactor.user_id).limit(limit)))


def replace_secret(conn: Connection, user_id: int, old: bytes, new: bytes) -> bool:
    """Stores the same secret, encrypted in another way. Returns False if another one is stored by now."""
    same = SecondFactor.user_id == user_id, SecondFactor.secret == old
    return conn.execute(update(SecondFactor).where(*same).values(secret=new)).rowcount > 0


def _pending(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_(None)
