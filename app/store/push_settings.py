"""What users have set about notifications, and the deployment's VAPID key."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, text

from app.core.push import DEFAULTS, DoNotDisturb, PushSettings, PushSettingsPatch, clock_of, minutes_of

_GET = text("SELECT preview, quiet_from, quiet_to, time_zone, while_active FROM push_settings WHERE user_id = :user_id")
_SET = text("""
    INSERT INTO push_settings AS s (user_id, preview, while_active, quiet_from, quiet_to, time_zone)
    VALUES (:user_id, coalesce(CAST(:preview AS text), 'full'), coalesce(CAST(:while_active AS boolean), false),
            :quiet_from, :quiet_to, :time_zone)
    ON CONFLICT (user_id) DO UPDATE SET
        preview = coalesce(CAST(:preview AS text), s.preview),
        while_active = coalesce(CAST(:while_active AS boolean), s.while_active),
        quiet_from = CASE WHEN :has_hours THEN excluded.quiet_from ELSE s.quiet_from END,
        quiet_to = CASE WHEN :has_hours THEN excluded.quiet_to ELSE s.quiet_to END,
        time_zone = CASE WHEN :has_hours THEN excluded.time_zone ELSE s.time_zone END
    RETURNING preview, quiet_from, quiet_to, time_zone, while_active
""")
_KEY = text("SELECT private_key FROM push_keys WHERE id = 1")
_KEEP_KEY = text("INSERT INTO push_keys (id, private_key) VALUES (1, :key) ON CONFLICT DO NOTHING")


def get_settings(conn: Connection, user_id: int) -> PushSettings:
    row = conn.execute(_GET, {"user_id": user_id}).first()
    return DEFAULTS if row is None else _settings(*row)


def change_settings(conn: Connection, user_id: int, patch: PushSettingsPatch) -> PushSettings:
    """What is absent stays. Returns the settings as they now are."""
    hours = patch.do_not_disturb if isinstance(patch.do_not_disturb, DoNotDisturb) else None
    values = {
        "user_id": user_id,
        "preview": _given(patch.preview),
        "while_active": _given(patch.while_active),
        "has_hours": patch.do_not_disturb is not UNSET,
        "quiet_from": minutes_of(hours.from_) if hours else None,
        "quiet_to": minutes_of(hours.to) if hours else None,
        "time_zone": hours.time_zone if hours else None,
    }
    return _settings(*conn.execute(_SET, values).one())


def _settings(
    preview: Any, quiet_from: int | None, quiet_to: int | None, time_zone: str | None, while_active: bool
) -> PushSettings:
    hours = None
    if quiet_from is not None and quiet_to is not None and time_zone is not None:
        hours = DoNotDisturb(clock_of(quiet_from), clock_of(quiet_to), time_zone)
    return PushSettings(preview, hours, while_active)


def _given(value: Any) -> Any:
    return None if value is UNSET else value


def kept_key(conn: Connection, fresh: str) -> str:
    """The deployment's private key: ``fresh`` where there was none. Of two who bring one, both get the same."""
    kept = conn.execute(_KEY).scalar()
    if kept is None:
        conn.execute(_KEEP_KEY, {"key": fresh})
        kept = conn.execute(_KEY).scalar_one()
    return str(kept)
