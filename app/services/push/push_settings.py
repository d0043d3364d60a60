"""What a user has set about notifications, and what the local twin was given for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from app.core.errors import NotFound
from app.core.push import DoNotDisturb, Outbox, PushSettings, PushSettingsPatch, checked_hours
from app.redis_calls import asking
from app.services.push.push_outbox import read_outbox
from app.store import push_settings as store
from app.store.engine import reading, writing

if TYPE_CHECKING:
    from app.container import Container


def show_settings(parley: Container, user_id: int) -> PushSettings:
    """Raise Overloaded."""
    with reading(parley.engine) as connection:
        return store.get_settings(connection, user_id)


def change_settings(parley: Container, user_id: int, patch: PushSettingsPatch) -> PushSettings:
    """Raise Invalid for an unknown time zone, Overloaded."""
    if isinstance(patch.do_not_disturb, DoNotDisturb):
        checked_hours(patch.do_not_disturb)
    with writing(parley.engine) as connection:
        return store.change_settings(connection, user_id, patch)


def show_outbox(parley: Container, user_id: int) -> Outbox:
    """The user's own. Raise NotFound but in development; Overloaded."""
    if parley.settings.app_env != "development":
        raise NotFound
    noted = asking(lambda: read_outbox(parley.redis, user_id))
    return msgspec.convert({"deliveries": noted}, Outbox)
