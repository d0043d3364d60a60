"""Requests of clients about groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.accounts import AvatarUrl
from app.core.commands import Id
from app.core.errors import Invalid
from app.core.names import has_invisible

MAX_GROUP_NAME, MAX_GROUP_DESCRIPTION = 120, 2000  # characters

Name = Annotated[str, Meta(min_length=1, max_length=MAX_GROUP_NAME)]
Description = Annotated[str, Meta(max_length=MAX_GROUP_DESCRIPTION)]
History = Annotated[
    Literal["all", "joined"],
    Meta(description="Whether members who join later see all messages, or only those since they joined"),
]
Role = Literal["owner", "admin", "member"]
Users = Annotated[list[Id], Meta(max_length=5000)]


class NewDirect(Struct, frozen=True, rename="camel", tag="direct", tag_field="kind"):
    user_id: Id


class NewGroup(Struct, frozen=True, rename="camel", tag="group", tag_field="kind"):
    """The caller becomes the owner, and need not be in ``memberIds``."""

    name: Name
    member_ids: Users = []
    description: Description | None = None
    avatar_url: AvatarUrl | None = None
    history: History = "all"


class InfoPatch(Struct, frozen=True, rename="camel"):
    """Absent fields stay as they are; null removes the value."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    history: History | UnsetType = UNSET


class UsersBody(Struct, frozen=True, rename="camel"):
    """``userIds``, or ``memberIds`` as when a group is created, or one ``userId``."""

    user_ids: Users | None = None
    member_ids: Users | None = None
    user_id: Id | None = None

    def ids(self) -> list[int]:
        """Returns the ids without duplicates. Raises Invalid if there are none."""
        one = [self.user_id] if self.user_id else []
        ids = list(dict.fromkeys([*(self.user_ids or []), *(self.member_ids or []), *one]))
        if not ids:
            raise Invalid.field("userIds", "name somebody")
        return ids


class RoleBody(Struct, frozen=True, rename="camel"):
    role: Role


def checked_name(name: str) -> str:
    """Returns the name without surrounding space. Raises Invalid if nothing is left."""
    name = name.strip()
    if not name or has_invisible(name):
        raise Invalid.field("name", "1 to 120 visible characters")
    return name


def changes_of(patch: InfoPatch) -> dict[str, Any]:
    """Returns the given fields as they are logged: false removes the value. Raises Invalid if none are given."""
    given = {
        "name": checked_name(patch.name) if isinstance(patch.name, str) else patch.name,
        "description": patch.description,
        "avatarUrl": patch.avatar_url,
        "history": patch.history,
    }
    changes = {name: value or False for name, value in given.items() if value is not UNSET}
    if not changes:
        raise Invalid.field("body", "nothing to change")
    return changes
