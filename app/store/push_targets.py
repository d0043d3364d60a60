"""Browsers' push subscriptions and devices: to which addresses a user's notifications go."""

from __future__ import annotations

import hashlib

from msgspec import Struct
from sqlalchemy import Connection, text

from app.store.sql import moment

# More than a person has; the ones that were renewed longest ago make room.
MAX_TARGETS = 20
# All names of one endpoint or token must be one row; an index on the text itself is limited to 2,700 bytes.
FCM_HOST = "fcm"


class NewTarget(Struct, frozen=True):
    """``host``: of the endpoint; ``fcm`` for a device."""

    user_id: int
    auth_session: str
    platform: str
    host: str
    address: str
    p256dh: str | None = None
    auth: str | None = None
    device_id: str | None = None
    expires_ms: int | None = None


# The drain holds this row's lock while it writes a batch: each batch is before this registration, or knows of it.
_BE_PUSHING = text("UPDATE log_state SET pushing = true WHERE id = 1 AND NOT pushing")
# What another user, or this device under an earlier address, had: their notifications must not come here any more.
_FORGET_OTHERS = text("""
    DELETE FROM push_targets
    WHERE (digest = :digest AND user_id <> :user_id)
       OR (user_id = :user_id AND device_id = :device_id AND platform = :platform AND digest <> :digest)
""")
# An auth session that has ended registers nothing: who logged out a moment ago stays without.
_REGISTER = text("""
    INSERT INTO push_targets AS t
        (user_id, auth_session, platform, host, address, digest, p256dh, auth, device_id, expires_at)
    SELECT :user_id, CAST(:auth_session AS uuid), :platform, :host, :address, :digest, :p256dh, :auth, :device_id,
           CAST(:expires_at AS timestamptz)
    WHERE NOT EXISTS (
        SELECT FROM auth_sessions WHERE id = CAST(:auth_session AS uuid) AND revoked_at IS NOT NULL)
    ON CONFLICT (digest) DO UPDATE SET
        user_id = excluded.user_id, auth_session = excluded.auth_session, platform = excluded.platform,
        p256dh = excluded.p256dh, auth = excluded.auth, device_id = excluded.device_id,
        expires_at = excluded.expires_at, renewed_at = now()
    RETURNING id
""")
_MAKE_ROOM = text(f"""
    DELETE FROM push_targets WHERE user_id = :user_id AND id IN (
        SELECT id FROM push_targets WHERE user_id = :user_id
        ORDER BY renewed_at DESC, id DESC OFFSET {MAX_TARGETS})
""")
_FORGET_ADDRESS = text("DELETE FROM push_targets WHERE user_id = :user_id AND digest = :digest")
_FORGET_ID = text("""
    DELETE FROM push_targets WHERE user_id = :user_id AND id = :id AND (platform = 'browser') = :browser
""")
_FORGET_SESSION = text("DELETE FROM push_targets WHERE auth_session = CAST(:auth_session AS uuid)")
_FORGET_USER = text("DELETE FROM push_targets WHERE user_id = :user_id")
_SWEEP = text("""
    DELETE FROM push_targets AS t
    WHERE t.expires_at < now() OR EXISTS (
        SELECT FROM auth_sessions AS s
        WHERE s.id = t.auth_session AND (s.revoked_at IS NOT NULL OR s.expires_at < now()))
""")


def digest_of(platform: str, address: str) -> str:
    kind = "browser" if platform == "browser" else "device"
    return hashlib.sha256(f"{kind} {address}".encode()).hexdigest()


def register(conn: Connection, target: NewTarget) -> int | None:
    """The target's id; the same where it is registered again. Whoever had the address before has it no longer.

    None where the auth session has ended. In a transaction.
    """
    values = {
        "user_id": target.user_id,
        "auth_session": target.auth_session,
        "platform": target.platform,
        "host": target.host,
        "address": target.address,
        "digest": digest_of(target.platform, target.address),
        "p256dh": target.p256dh,
        "auth": target.auth,
        "device_id": target.device_id,
        "expires_at": moment(target.expires_ms) if target.expires_ms is not None else None,
    }
    conn.execute(_BE_PUSHING)
    conn.execute(_FORGET_OTHERS, {name: values[name] for name in ("user_id", "digest", "device_id", "platform")})
    row = conn.execute(_REGISTER, values).first()
    conn.execute(_MAKE_ROOM, {"user_id": target.user_id})
    return None if row is None else int(row[0])


def forget_address(conn: Connection, user_id: int, platform: str, address: str) -> None:
    """Safe to repeat, also for an address that is not the user's: nothing happens to that."""
    conn.execute(_FORGET_ADDRESS, {"user_id": user_id, "digest": digest_of(platform, address)})


def forget_id(conn: Connection, user_id: int, target_id: int, *, browser: bool) -> None:
    """Likewise."""
    conn.execute(_FORGET_ID, {"user_id": user_id, "id": target_id, "browser": browser})


def forget_session(conn: Connection, auth_session: str) -> None:
    """All that this sign-in registered."""
    conn.execute(_FORGET_SESSION, {"auth_session": auth_session})


def forget_user(conn: Connection, user_id: int) -> None:
    conn.execute(_FORGET_USER, {"user_id": user_id})


def forget_ended(conn: Connection) -> None:
    """Subscriptions that expired, and what was registered under sign-ins that are over. For a sweep."""
    conn.execute(_SWEEP)
