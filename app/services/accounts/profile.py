"""People: one's own profile, and finding others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from app.core.accounts import Profile, ProfilePatch, UserList, checked_avatar_url, checked_display_name
from app.core.errors import Unauthorized
from app.services.accounts.announce import announce_hidden
from app.services.reading.user_json import own_view, view_of
from app.store import users
from app.store.engine import reading, writing
from app.store.visibility import NOTHING, visible_to

if TYPE_CHECKING:
    from app.container import Container

MAX_FOUND = 20


def read_profile(parley: Container, user_id: int) -> Profile:
    with reading(parley.engine) as conn:
        user = users.get_users(conn, [user_id]).get(user_id)
    return _existing(user)


def change_profile(parley: Container, user_id: int, patch: ProfilePatch) -> Profile:
    """Change what the patch holds. Raises Invalid for a display name of nothing visible.

    Raises Overloaded where the change stands but could not be announced: until they ask again, those who watch the user
    may still be told when the user goes. Safe to repeat.
    """
    name, avatar, visible = patch.display_name, patch.avatar_url, patch.last_seen_visible
    name = checked_display_name(name) if isinstance(name, str) else name
    avatar = checked_avatar_url(avatar) if isinstance(avatar, str) else avatar
    with writing(parley.engine) as conn:
        user = users.update_profile(conn, user_id, display_name=name, avatar_url=avatar, last_seen_visible=visible)
    if visible in ("contacts", "nobody"):
        announce_hidden(parley.redis, user_id)
    return _existing(user)


def find_users(parley: Container, viewer_id: int, prefix: str) -> UserList:
    """Those whose username or display name begins with ``prefix``, by username, at most 20."""
    with reading(parley.engine) as conn:
        return _seen_by(conn, viewer_id, users.search_by_prefix(conn, prefix, MAX_FOUND))


def show_users(parley: Container, viewer_id: int, user_ids: Sequence[int]) -> UserList:
    """Those of them that are there, in the order asked for: what a client shows beside the ids in messages."""
    with reading(parley.engine) as conn:
        found = users.get_users(conn, user_ids)
        return _seen_by(conn, viewer_id, [found[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found])


def _seen_by(conn: Connection, viewer_id: int, found: list[users.StoredUser]) -> UserList:
    visible = visible_to(conn, viewer_id, [user.id for user in found])
    return UserList([view_of(user, last_seen=visible.get(user.id, NOTHING).last_seen) for user in found])


def _existing(user: users.StoredUser | None) -> Profile:
    if user is None:
        raise Unauthorized("The user does not exist any more.")
    return own_view(user)
