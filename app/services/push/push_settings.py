"""Reads and changes a user's notification settings."""

from __future__ import annotations

from sqlalchemy import Engine

from app.core.push import DoNotDisturb, PushSettings, PushSettingsPatch, checked_hours
from app.store import push_settings as store
from app.store.engine import reading, writing


def show_settings(user_id: int, *, engine: Engine) -> PushSettings:
    """Raises Overloaded."""
    with reading(engine) as connection:
        return store.get_settings(connection, user_id)


def change_settings(user_id: int, patch: PushSettingsPatch, *, engine: Engine) -> PushSettings:
    """Changes the settings that the patch contains and returns all. Raises Invalid for an unknown time zone,
    Overloaded."""
    if isinstance(patch.do_not_disturb, DoNotDisturb):
        checked_hours(patch.do_not_disturb)
    with writing(engine) as connection:
        return store.change_settings(connection, user_id, patch)
