"""Users' notification settings, and the deployment's VAPID key."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from app.core.push import DEFAULTS, DoNotDisturb, PushSettings, PushSettingsPatch, clock_of, minutes_of
from app.store.models import PushKey
from app.store.models import PushSettings as Row

# In the order of the parameters of ``_settings``.
_COLUMNS = Row.preview, Row.quiet_from, Row.quiet_to, Row.time_zone, Row.while_active


def get_settings(conn: Connection, user_id: int) -> PushSettings:
    """Returns the user's settings, or the defaults if none are stored."""
    row = conn.execute(select(*_COLUMNS).where(Row.user_id == user_id)).first()
    return DEFAULTS if row is None else _settings(*row)


def change_settings(conn: Connection, user_id: int, patch: PushSettingsPatch) -> PushSettings:
    """Stores the settings that the patch contains; the others stay. Returns all settings."""
    changes = _changes(patch)
    if not changes:
        return get_settings(conn, user_id)
    new = insert(Row).values(user_id=user_id, **changes)
    stored = new.on_conflict_do_update(index_elements=[Row.user_id], set_=changes)
    return _settings(*conn.execute(stored.returning(*_COLUMNS)).one())


def _changes(patch: PushSettingsPatch) -> dict[str, Any]:
    given = {"preview": patch.preview, "while_active": patch.while_active}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not UNSET}
    if patch.do_not_disturb is UNSET:
        return changes
    hours = patch.do_not_disturb
    if hours is None:
        return changes | {"quiet_from": None, "quiet_to": None, "time_zone": None}
    quiet = {"quiet_from": minutes_of(hours.from_), "quiet_to": minutes_of(hours.to), "time_zone": hours.time_zone}
    return changes | quiet


def _settings(
    preview: Any, quiet_from: int | None, quiet_to: int | None, time_zone: str | None, while_active: bool
) -> PushSettings:
    hours = None
    if quiet_from is not None and quiet_to is not None and time_zone is not None:
        hours = DoNotDisturb(clock_of(quiet_from), clock_of(quiet_to), time_zone)
    return PushSettings(preview, hours, while_active)


def get_or_create_vapid_key(conn: Connection, new_key: str) -> str:
    """Returns the deployment's private key; stores ``new_key`` if there is none.

    If two processes with different keys start at once, both get the key that was stored first.
    """
    stored = select(PushKey.private_key).where(PushKey.id == 1)
    key = conn.execute(stored).scalar()
    if key is None:
        conn.execute(insert(PushKey).values(id=1, private_key=new_key).on_conflict_do_nothing())
        key = conn.execute(stored).scalar_one()
    return key
