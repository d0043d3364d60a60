"""People: one's own profile, and finding others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.accounts import ProfilePatch, UserList, UserView, checked_avatar_url, checked_display_name
from app.core.errors import Unauthorized
from app.services.user_view import view_of
from app.store import users
from app.store.engine import reading, writing

if TYPE_CHECKING:
    from app.extensions import Parley

MOST_FOUND = 20


def read_profile(parley: Parley, user_id: int) -> UserView:
    with reading(parley.engine) as conn:
        user = users.get_users(conn, [user_id]).get(user_id)
    return _existing(user)


def change_profile(parley: Parley, user_id: int, patch: ProfilePatch) -> UserView:
    """Change what the patch holds. Raises Invalid for a display name of nothing visible."""
    name, avatar = patch.display_name, patch.avatar_url
    name = checked_display_name(name) if isinstance(name, str) else name
    avatar = checked_avatar_url(avatar) if isinstance(avatar, str) else avatar
    with writing(parley.engine) as conn:
        user = users.update_profile(conn, user_id, display_name=name, avatar_url=avatar)
    return _existing(user)


def find_users(parley: Parley, prefix: str) -> UserList:
    """Those whose username or display name begins with ``prefix``, by username, at most 20."""
    with reading(parley.engine) as conn:
        return UserList([view_of(user) for user in users.search_by_prefix(conn, prefix, MOST_FOUND)])


def _existing(user: users.StoredUser | None) -> UserView:
    if user is None:
        raise Unauthorized("The user does not exist any more.")
    return view_of(user)
