"""Refresh families: one row a sign-in, and the generation of its one refresh token that is valid."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, text

from app.store.sql import first, moment, ms_of

Outcome = Literal["rotated", "reused", "gone"]


class AuthSessionRow(Struct, frozen=True):
    id: str
    user_id: int
    device_id: str | None
    refresh_generation: int
    expires_ms: int
    revoked_ms: int | None


class Rotation(Struct, frozen=True):
    """``generation`` and ``user_id`` are those now stored; 0 where the family is gone."""

    outcome: Outcome
    user_id: int = 0
    generation: int = 0


_CREATE = text("""
    INSERT INTO auth_sessions (id, user_id, device_id, expires_at)
    VALUES (CAST(:id AS uuid), :user_id, :device_id, :expires_at)
""")
_ROTATE = text("""
    UPDATE auth_sessions
    SET refresh_generation = refresh_generation + 1, last_used_at = now(), expires_at = :expires_at
    WHERE id = CAST(:id AS uuid) AND refresh_generation = :generation
      AND revoked_at IS NULL AND expires_at > now()
    RETURNING user_id, refresh_generation
""")
_ALIVE = text("""
    SELECT user_id, refresh_generation FROM auth_sessions
    WHERE id = CAST(:id AS uuid) AND revoked_at IS NULL AND expires_at > now()
""")
_FIND = text(f"""
    SELECT CAST(id AS text), user_id, device_id, refresh_generation,
           {ms_of("expires_at")}, {ms_of("revoked_at")}
    FROM auth_sessions WHERE id = CAST(:id AS uuid)
""")
# An outside issuer's sessions have no row before somebody logs out of one.
_END = text("""
    INSERT INTO auth_sessions AS s (id, user_id, expires_at, revoked_at, revoked_reason)
    VALUES (CAST(:id AS uuid), :user_id, :tokens_end, now(), :reason)
    ON CONFLICT (id) DO UPDATE SET
        revoked_at = coalesce(s.revoked_at, now()),
        revoked_reason = coalesce(s.revoked_reason, excluded.revoked_reason),
        expires_at = least(s.expires_at, excluded.expires_at)
    RETURNING CAST(date_part('epoch', expires_at) AS bigint)
""")
_END_ALL = text("""
    UPDATE auth_sessions SET revoked_at = now(), revoked_reason = :reason
    WHERE user_id = :user_id AND revoked_at IS NULL
""")
_REVOKED = text("""
    SELECT CAST(id AS text), CAST(date_part('epoch', expires_at) AS bigint) FROM auth_sessions
    WHERE revoked_at IS NOT NULL AND expires_at > now()
""")
_FORGET = text("""
    DELETE FROM auth_sessions WHERE id IN (
        SELECT id FROM auth_sessions WHERE expires_at < :before LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


def create_session(conn: Connection, sid: str, user_id: int, *, device_id: str | None, expires_ms: int) -> None:
    """A new family, generation 0. ``sid`` is a UUID of the caller's."""
    values = {"id": sid, "user_id": user_id, "device_id": device_id, "expires_at": moment(expires_ms)}
    conn.execute(_CREATE, values)


def rotate_refresh(conn: Connection, sid: str, generation: int, *, expires_ms: int) -> Rotation:
    """Exchange the refresh token of ``generation`` for the next; of many at once, exactly one gets
    ``rotated``.

    ``reused``: the token was exchanged before, so somebody holds a copy; the caller revokes the family (and
    commits). ``gone``: no such family, or revoked, or expired.
    """
    values = {"id": sid, "generation": generation, "expires_at": moment(expires_ms)}
    rotated = conn.execute(_ROTATE, values).first()
    if rotated is not None:
        return Rotation("rotated", *rotated)
    alive = conn.execute(_ALIVE, {"id": sid}).first()
    if alive is None or alive[1] < generation:
        return Rotation("gone")
    return Rotation("reused", *alive)


def find_session(conn: Connection, sid: str) -> AuthSessionRow | None:
    return first(AuthSessionRow, conn.execute(_FIND, {"id": sid}).first())


def end_session(conn: Connection, sid: str, user_id: int, reason: str, *, tokens_end_ms: int) -> int:
    """Revoke the family; safe to repeat, the first time and reason stay. ``tokens_end_ms`` is when the last
    access token that may have been given out for it ends; from then on the row may be forgotten.

    Returns the end that is now stored, unix seconds.
    """
    values = {"id": sid, "user_id": user_id, "reason": reason, "tokens_end": moment(tokens_end_ms)}
    return int(conn.execute(_END, values).scalar_one())


def end_all_of(conn: Connection, user_id: int, reason: str) -> None:
    """Revoke all families of the user: no refresh token works any more. Safe to repeat."""
    conn.execute(_END_ALL, {"user_id": user_id, "reason": reason})


def revoked_sessions(conn: Connection) -> dict[str, int]:
    """``sid`` -> end of its last access token, unix seconds, of all that have not ended yet: what the list of
    revoked sessions is rebuilt from after a Redis loss.
    """
    return {sid: int(end) for sid, end in conn.execute(_REVOKED)}


def forget_expired(conn: Connection, before_ms: int, limit: int = 1000) -> int:
    """Delete up to ``limit`` families that expired before then; returns how many. For a sweep."""
    return conn.execute(_FORGET, {"before": moment(before_ms), "limit": limit}).rowcount
