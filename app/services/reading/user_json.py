"""Turns stored users into JSON."""

from __future__ import annotations

from typing import cast

from msgspec import UNSET, UnsetType

from app.core.accounts import LastSeenVisible, MayAddMe, MayWriteToMe, Profile, UserView
from app.core.avatars import shown
from app.core.times import rfc3339
from app.store.users import StoredUser


def view_of(user: StoredUser, *, last_seen: bool = True) -> UserView:
    """Returns the user for others. ``last_seen`` tells whether the viewer may see that time."""
    return UserView(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        avatar_url=_avatar(user),
        last_seen=_last_seen(user) if last_seen else UNSET,
    )


def own_view(user: StoredUser, *, email: str | None, second_factor: bool) -> Profile:
    return Profile(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        avatar_url=_avatar(user),
        last_seen=_last_seen(user),
        last_seen_visible=cast(LastSeenVisible, user.last_seen_visible),
        may_add_me=cast(MayAddMe, user.may_add),
        may_write_to_me=cast(MayWriteToMe, user.may_write),
        email=UNSET if email is None else email,
        second_factor=second_factor,
    )


def _avatar(user: StoredUser) -> str | UnsetType:
    address = shown(user.avatar_url)
    return UNSET if address is None else address


def _last_seen(user: StoredUser) -> str | UnsetType:
    return UNSET if user.last_seen_ms is None else rfc3339(user.last_seen_ms)
