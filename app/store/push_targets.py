"""Push targets: browsers' subscriptions and devices, the addresses to which a user's notifications go."""

from __future__ import annotations

import hashlib
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Connection, Delete, and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from app.core.push import BROWSER
from app.store.log_switches import PUSHING
from app.store.models import AuthSession, PushTarget
from app.store.sql import moment

# More devices than a person has. If a user registers more, those that were renewed longest ago are deleted.
MAX_TARGETS = 20


class NewTarget(Struct, frozen=True):
    """``host`` is the endpoint's host name, or for a device the name of its provider."""

    user_id: int
    auth_session: str
    platform: str
    host: str
    address: str
    p256dh: str | None = None
    auth: str | None = None
    device_id: str | None = None
    expires_ms: int | None = None
    locale: str | None = None


def digest_of(platform: str, address: str) -> str:
    """Returns the key of an endpoint or token.

    The same address is one row under every platform. Postgres limits an index on the text itself to 2,700 bytes.
    """
    kind = "browser" if platform == BROWSER else "device"
    return hashlib.sha256(f"{kind} {address}".encode()).hexdigest()


def register(conn: Connection, target: NewTarget) -> int | None:
    """Stores the target and returns its id; a target that is registered again keeps its id.

    A previous owner of the address loses it. Returns None if the auth session has ended. Needs a transaction.
    """
    digest = digest_of(target.platform, target.address)
    PUSHING.turn(conn, on=True)  # each batch of a drain either comes before this registration, or sees it
    conn.execute(_delete_replaced(target, digest))
    target_id = _upsert(conn, target, digest)
    _make_room(conn, target.user_id)
    return target_id


def _delete_replaced(target: NewTarget, digest: str) -> Delete:
    """Another user's registration of this address, and this device's registrations under earlier addresses: their
    notifications must not come here any longer."""
    is_theirs = and_(PushTarget.digest == digest, PushTarget.user_id != target.user_id)
    if target.device_id is None:
        return delete(PushTarget).where(is_theirs)
    is_earlier = and_(
        PushTarget.user_id == target.user_id,
        PushTarget.device_id == target.device_id,
        PushTarget.platform == target.platform,
        PushTarget.digest != digest,
    )
    return delete(PushTarget).where(or_(is_theirs, is_earlier))


def _upsert(conn: Connection, target: NewTarget, digest: str) -> int | None:
    """An auth session that has ended cannot register a device."""
    session = UUID(target.auth_session)
    revoked = select(AuthSession.id).where(AuthSession.id == session, AuthSession.revoked_at.is_not(None))
    if conn.execute(revoked).first() is not None:
        return None
    renewed = {
        "user_id": target.user_id,
        "auth_session": session,
        "platform": target.platform,
        "p256dh": target.p256dh,
        "auth": target.auth,
        "device_id": target.device_id,
        "locale": target.locale,
        "expires_at": None if target.expires_ms is None else moment(target.expires_ms),
    }
    new = insert(PushTarget).values(**renewed, host=target.host, address=target.address, digest=digest)
    stored = new.on_conflict_do_update(index_elements=[PushTarget.digest], set_=renewed | {"renewed_at": func.now()})
    return conn.execute(stored.returning(PushTarget.id)).scalar()


def _make_room(conn: Connection, user_id: int) -> None:
    newest_first = select(PushTarget.id).where(PushTarget.user_id == user_id)
    surplus = newest_first.order_by(PushTarget.renewed_at.desc(), PushTarget.id.desc()).offset(MAX_TARGETS)
    conn.execute(delete(PushTarget).where(PushTarget.user_id == user_id, PushTarget.id.in_(surplus)))


def forget_address(conn: Connection, user_id: int, platform: str, address: str) -> None:
    """Deletes the user's target with this address, if there is one. Safe to repeat."""
    digest = digest_of(platform, address)
    conn.execute(delete(PushTarget).where(PushTarget.user_id == user_id, PushTarget.digest == digest))


def forget_id(conn: Connection, user_id: int, target_id: int, *, browser: bool) -> None:
    """Deletes the user's target with this id, if it is a browser's or a device's, as requested. Safe to repeat."""
    is_browser = PushTarget.platform == BROWSER
    kind = is_browser if browser else ~is_browser
    conn.execute(delete(PushTarget).where(PushTarget.user_id == user_id, PushTarget.id == target_id, kind))


def forget_session(conn: Connection, auth_session: str) -> None:
    """Deletes the targets that this auth session registered."""
    conn.execute(delete(PushTarget).where(PushTarget.auth_session == UUID(auth_session)))


def forget_user(conn: Connection, user_id: int) -> None:
    """Deletes all targets of the user."""
    conn.execute(delete(PushTarget).where(PushTarget.user_id == user_id))


def forget_ended(conn: Connection) -> None:
    """Deletes subscriptions that have expired, and targets of auth sessions that have ended. For a sweep."""
    has_ended = or_(AuthSession.revoked_at.is_not(None), AuthSession.expires_at < func.now())
    ended = select(AuthSession.id).where(AuthSession.id == PushTarget.auth_session, has_ended)
    conn.execute(delete(PushTarget).where(or_(PushTarget.expires_at < func.now(), ended.exists())))
