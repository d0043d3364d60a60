"""Auth sessions: one row per sign-in, with the generation of its only valid refresh token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import BigInteger, ColumnElement, Connection, Text, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.store.models import AuthSession
from app.store.sql import as_ms, first, moment, structs

Outcome = Literal["rotated", "reused", "gone"]

_ALIVE = AuthSession.revoked_at.is_(None), AuthSession.expires_at > func.now()
_ID = cast(AuthSession.id, Text)
_EXPIRES_SECONDS = cast(func.date_part("epoch", AuthSession.expires_at), BigInteger)


class AuthSessionRow(Struct, frozen=True):
    id: str
    user_id: int
    device_id: str | None
    refresh_generation: int
    expires_ms: int
    revoked_ms: int | None


class SignInRow(Struct, frozen=True):
    id: str
    created_ms: int
    last_used_ms: int
    device_name: str | None
    network: str | None


class Rotation(Struct, frozen=True):
    """``user_id`` and ``generation`` are the stored values; both are 0 if the session is gone."""

    outcome: Outcome
    user_id: int = 0
    generation: int = 0


def create_session(
    conn: Connection,
    sid: str,
    user_id: int,
    *,
    device_id: str | None,
    expires_ms: int,
    device_name: str | None = None,
    network: str | None = None,
    tokens_until_ms: int | None = None,
) -> None:
    """Stores a new session of generation 0. ``sid`` is a UUID that the caller chose. ``tokens_until_ms`` is the end of
    its access token, if that may live longer than usual.
    """
    values = {"id": UUID(sid), "user_id": user_id, "device_id": device_id, "expires_at": moment(expires_ms)}
    if tokens_until_ms is not None:
        values["tokens_until"] = moment(tokens_until_ms)
    conn.execute(insert(AuthSession).values(**values, device_name=device_name, network=network))


def rotate_refresh(
    conn: Connection, sid: str, generation: int, *, expires_ms: int, max_seconds: int | None = None
) -> Rotation:
    """Exchanges the refresh token of ``generation`` for the next one. Of many callers at once, exactly one gets
    ``rotated``. No token outlives ``max_seconds`` from the sign-in.

    ``reused``: the token was exchanged before, so somebody has a copy; the caller revokes the session and commits.
    ``gone``: the session does not exist, was revoked or has expired.
    """
    this_one = AuthSession.id == UUID(sid)
    stored = AuthSession.user_id, AuthSession.refresh_generation
    rotate = update(AuthSession).where(this_one, AuthSession.refresh_generation == generation, *_ALIVE)
    next_generation = AuthSession.refresh_generation + 1
    expires: ColumnElement[datetime] = literal(moment(expires_ms))
    if max_seconds is not None:
        expires = func.least(expires, AuthSession.created_at + timedelta(seconds=max_seconds))
    rotate = rotate.values(refresh_generation=next_generation, last_used_at=func.now(), expires_at=expires)
    rotated = conn.execute(rotate.returning(*stored)).first()
    if rotated is not None:
        return Rotation("rotated", *rotated)
    alive = conn.execute(select(*stored).where(this_one, *_ALIVE)).first()
    if alive is None or alive.refresh_generation < generation:
        return Rotation("gone")
    return Rotation("reused", *alive)


def find_session(conn: Connection, sid: str) -> AuthSessionRow | None:
    columns = _ID, AuthSession.user_id, AuthSession.device_id, AuthSession.refresh_generation
    times = as_ms(AuthSession.expires_at), as_ms(AuthSession.revoked_at)
    return first(AuthSessionRow, conn.execute(select(*columns, *times).where(AuthSession.id == UUID(sid))).first())


def end_session(conn: Connection, sid: str, user_id: int, reason: str, *, tokens_end_ms: int) -> int:
    """Revokes the session. Safe to repeat: the first time and reason stay.

    ``tokens_end_ms`` is when the last access token that may have been issued for it expires; after that, the row may
    be deleted. Returns the stored end in unix seconds. A session of an external issuer gets its row here.
    """
    values = {"id": UUID(sid), "user_id": user_id, "expires_at": moment(tokens_end_ms), "revoked_reason": reason}
    new = insert(AuthSession).values(**values, revoked_at=func.now())
    ended = new.on_conflict_do_update(
        index_elements=[AuthSession.id],
        set_={
            "revoked_at": func.coalesce(AuthSession.revoked_at, func.now()),
            "revoked_reason": func.coalesce(AuthSession.revoked_reason, new.excluded.revoked_reason),
            "expires_at": _tokens_end(new.excluded.expires_at),
        },
    )
    return conn.execute(ended.returning(_EXPIRES_SECONDS)).scalar_one()


def _tokens_end(usual: ColumnElement[datetime]) -> ColumnElement[datetime]:
    """Returns when the last token of an ended session expires. ``greatest`` ignores NULL."""
    return func.least(AuthSession.expires_at, func.greatest(usual, AuthSession.tokens_until))


def end_all_of(conn: Connection, user_id: int, reason: str) -> None:
    """Revokes all sessions of the user, so that none of their refresh tokens works. Safe to repeat."""
    theirs = update(AuthSession).where(AuthSession.user_id == user_id, AuthSession.revoked_at.is_(None))
    conn.execute(theirs.values(revoked_at=func.now(), revoked_reason=reason))


def sessions_of(conn: Connection, user_id: int, limit: int) -> list[SignInRow]:
    """Returns the newest ``limit`` sessions of the user that are alive, the last used one first."""
    columns = (
        _ID,
        as_ms(AuthSession.created_at),
        as_ms(AuthSession.last_used_at),
        AuthSession.device_name,
        AuthSession.network,
    )
    theirs = select(*columns).where(AuthSession.user_id == user_id, *_ALIVE)
    newest = theirs.order_by(AuthSession.last_used_at.desc(), AuthSession.id).limit(limit)
    return structs(SignInRow, conn.execute(newest))


def end_others(conn: Connection, user_id: int, keep: str | None, reason: str, *, tokens_end_ms: int) -> dict[str, int]:
    """Revokes the user's sessions except ``keep``, or all of them.

    Returns ``sid`` -> end in unix seconds, as ``end_session`` does.
    """
    others = [AuthSession.user_id == user_id, *_ALIVE]
    if keep is not None:
        others.append(AuthSession.id != UUID(keep))
    ends = _tokens_end(literal(moment(tokens_end_ms)))
    ended = update(AuthSession).where(*others).values(revoked_at=func.now(), revoked_reason=reason, expires_at=ends)
    return {sid: int(end) for sid, end in conn.execute(ended.returning(_ID, _EXPIRES_SECONDS))}


def revoked_sessions(conn: Connection) -> dict[str, int]:
    """Returns ``sid`` -> expiry of its last access token in unix seconds, for revoked sessions that have not expired.

    The revocation list is rebuilt from this after a Redis loss.
    """
    revoked = select(_ID, _EXPIRES_SECONDS).where(
        AuthSession.revoked_at.is_not(None), AuthSession.expires_at > func.now()
    )
    return {sid: int(end) for sid, end in conn.execute(revoked)}


def forget_expired(conn: Connection, before_ms: int, limit: int = 1000) -> int:
    """Deletes up to ``limit`` sessions that expired before then; returns how many. For a sweep."""
    expired = select(AuthSession.id).where(AuthSession.expires_at < moment(before_ms)).limit(limit)
    unlocked = expired.with_for_update(skip_locked=True)
    return conn.execute(delete(AuthSession).where(AuthSession.id.in_(unlocked))).rowcount
