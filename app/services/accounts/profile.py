"""Profiles: reads and changes a user's own profile, and finds other users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from redis import Redis
from sqlalchemy import Connection, Engine

from app.clock import now_ms
from app.core.accounts import Profile, ProfilePatch, UserList, checked_avatar_url, checked_display_name
from app.core.errors import Unauthorized
from app.core.user_status import NO_STATUS, checked_end, checked_status
from app.fanout.announcements import announce_hidden
from app.services.accounts.announce_profile import announce_profile_soon
from app.services.accounts.avatars import stored_address
from app.services.reading.directory import Directory
from app.services.reading.user_json import own_view, view_of
from app.store import emails, second_factors, users
from app.store.engine import reading, writing
from app.store.host_events import add_user_events
from app.store.visibility import NOTHING, visible_to
from app.task_queue import enqueue_avatar
from app.translations import checked_locale

MAX_FOUND = 20


def read_profile(user_id: int, *, engine: Engine) -> Profile:
    """Returns the user's own profile. Raises Unauthorized if the account no longer exists."""
    with reading(engine) as conn:
        user = users.get_users(conn, [user_id]).get(user_id)
        return _own(conn, user)


def change_profile(user_id: int, patch: ProfilePatch, *, engine: Engine, redis: Redis) -> Profile:
    """Changes the fields that the patch contains and returns the profile. Safe to repeat.

    Raises Invalid if a display name has no visible character, and for a bad status or an unknown language. Raises
    Overloaded if a store does not answer; the change may be stored but not announced then, so that sessions which watch
    the user may still receive the time of last seen until they subscribe again.
    """
    name, avatar, visible = patch.display_name, patch.avatar_url, patch.last_seen_visible
    name = checked_display_name(name) if isinstance(name, str) else name
    avatar = checked_avatar_url(avatar) if isinstance(avatar, str) else avatar
    changes = _checked_status(patch)
    locale = checked_locale(patch.locale) if isinstance(patch.locale, str) else patch.locale
    avatar_id = None
    with writing(engine) as conn:
        if isinstance(avatar, str):
            avatar, avatar_id = stored_address(conn, user_id, avatar)
        user = users.update_profile(
            conn,
            user_id,
            display_name=name,
            avatar_url=avatar,
            last_seen_visible=visible,
            may_add=patch.may_add_me,
            may_write=patch.may_write_to_me,
            hide_blocked=patch.hide_blocked_messages,
            **changes,
            locale=locale,
        )
        profile = _own(conn, user)
        if isinstance(name, str) or avatar is not UNSET:
            add_user_events(conn, "user.updated", [user_id])
    if avatar_id is not None:
        enqueue_avatar(avatar_id)
    if isinstance(name, str) or avatar is not UNSET or changes or (visible is not UNSET and _shows_status(profile)):
        announce_profile_soon(redis, user_id)
    if visible in ("contacts", "nobody"):
        announce_hidden(redis, user_id)
    return profile


def _checked_status(patch: ProfilePatch) -> dict[str, Any]:
    """Returns the arguments of ``update_profile`` for the status and "do not disturb". Raises Invalid."""
    now, changes = now_ms(), dict[str, Any]()
    status, quiet = patch.status, patch.do_not_disturb_until
    if not isinstance(status, UnsetType):
        changes["status"] = NO_STATUS if status is None else checked_status(status, now)
    if not isinstance(quiet, UnsetType):
        changes["do_not_disturb_ms"] = None if quiet is None else checked_end(quiet, "doNotDisturbUntil", now)
    return changes


def _shows_status(profile: Profile) -> bool:
    """After this change, other people than before may see the status."""
    return profile.status is not UNSET or profile.do_not_disturb_until is not UNSET


def set_avatar(user_id: int, address: str, *, engine: Engine, redis: Redis) -> Profile:
    """Gives the user an avatar that is stored here."""
    with writing(engine) as conn:
        profile = _own(conn, users.update_profile(conn, user_id, avatar_url=address))
        add_user_events(conn, "user.updated", [user_id])
    announce_profile_soon(redis, user_id)
    return profile


def find_users(viewer_id: int, prefix: str, *, engine: Engine, directory: Directory) -> UserList:
    """Returns at most 20 users that the directory shows for ``prefix``, ordered by username."""
    found = directory.search(viewer_id, prefix, MAX_FOUND)
    with reading(engine) as conn:
        return _seen_by(conn, viewer_id, found)


def show_users(viewer_id: int, user_ids: Sequence[int], *, engine: Engine, directory: Directory) -> UserList:
    """Returns the users that exist, in the requested order. Clients show them for the ids in messages."""
    known = directory.visible(viewer_id, user_ids)
    with reading(engine) as conn:
        found = users.get_users(conn, [user_id for user_id in user_ids if user_id in known])
        return _seen_by(conn, viewer_id, [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found])


def _seen_by(conn: Connection, viewer_id: int, found: list[users.StoredUser]) -> UserList:
    visible = visible_to(conn, viewer_id, [user.id for user in found])
    return UserList([view_of(user, presence=visible.get(user.id, NOTHING).presence) for user in found])


def _own(conn: Connection, user: users.StoredUser | None) -> Profile:
    if user is None:
        raise Unauthorized("This account no longer exists.")
    return own_view(user, email=emails.email_of(conn, user.id), second_factor=second_factors.is_on(conn, user.id))
