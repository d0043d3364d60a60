"""A user as clients see one."""

from __future__ import annotations

from msgspec import UNSET

from app.core.accounts import UserView
from app.core.times import rfc3339
from app.store.users import StoredUser


def view_of(user: StoredUser) -> UserView:
    return UserView(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        avatar_url=UNSET if user.avatar_url is None else user.avatar_url,
        last_seen=UNSET if user.last_seen_ms is None else rfc3339(user.last_seen_ms),
    )
