"""Turns stored users into JSON."""

from __future__ import annotations

from typing import Any, cast

from msgspec import UNSET, UnsetType

from app.clock import now_ms
from app.core.accounts import LastSeenVisible, MayAddMe, MayWriteToMe, Profile, UserView
from app.core.avatars import shown
from app.core.times import rfc3339
from app.core.user_status import end_view, status_view
from app.store.users import StoredUser


def view_of(user: StoredUser, *, presence: bool = True) -> UserView:
    """Returns the user for others. ``presence``: the viewer may see when the user was last online, and the user's
    status.
    """
    return UserView(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        avatar_url=_avatar(user),
        external_id=UNSET if user.external_id is None else user.external_id,
        metadata=user.metadata or UNSET,
        **(_present(user) if presence else {}),
    )


def own_view(user: StoredUser, *, email: str | None, second_factor: bool) -> Profile:
    return Profile(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        avatar_url=_avatar(user),
        external_id=UNSET if user.external_id is None else user.external_id,
        metadata=user.metadata or UNSET,
        **_present(user),
        last_seen_visible=cast(LastSeenVisible, user.last_seen_visible),
        may_add_me=cast(MayAddMe, user.may_add),
        may_write_to_me=cast(MayWriteToMe, user.may_write),
        hide_blocked_messages=user.hide_blocked,
        locale=user.locale,
        email=UNSET if email is None else email,
        second_factor=second_factor,
    )


def _present(user: StoredUser) -> dict[str, Any]:
    now = now_ms()
    return {
        "last_seen": _last_seen(user),
        "status": status_view(user.status, now),
        "do_not_disturb_until": end_view(user.do_not_disturb_ms, now),
    }


def _avatar(user: StoredUser) -> str | UnsetType:
    address = shown(user.avatar_url)
    return UNSET if address is None else address


def _last_seen(user: StoredUser) -> str | UnsetType:
    return UNSET if user.last_seen_ms is None else rfc3339(user.last_seen_ms)
