"""Requests of clients about groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.accounts import AvatarUrl
from app.core.commands import UserRef
from app.core.errors import Invalid
from app.core.metadata import Metadata, as_text, check_metadata
from app.core.names import is_plain, shown

MAX_NAMED = 5000  # users of one request
MAX_GROUP_NAME, MAX_GROUP_DESCRIPTION = 120, 2000  # characters

Name = Annotated[str, Meta(min_length=1, max_length=MAX_GROUP_NAME)]
Description = Annotated[str, Meta(max_length=MAX_GROUP_DESCRIPTION)]
History = Annotated[
    Literal["all", "joined"],
    Meta(description="Whether members who join later see all messages, or only those since they joined"),
]
ReadOnly = Annotated[bool, Meta(description="Only owners and admins write")]
Role = Literal["owner", "admin", "member"]
Users = Annotated[list[UserRef], Meta(max_length=MAX_NAMED)]


class NewDirect(Struct, frozen=True, rename="camel", tag="direct", tag_field="kind"):
    """A string is the id that the host gave to the user."""

    user_id: UserRef


class NewGroup(Struct, frozen=True, rename="camel", tag="group", tag_field="kind"):
    """The caller becomes the owner, and need not be in ``memberIds``."""

    name: Name
    member_ids: Users = []
    description: Description | None = None
    avatar_url: AvatarUrl | None = None
    history: History = "all"
    read_only: ReadOnly = False
    metadata: Metadata | None = None


class InfoPatch(Struct, frozen=True, rename="camel"):
    """Absent fields stay as they are; null removes the value."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    history: History | UnsetType = UNSET
    read_only: ReadOnly | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class UsersBody(Struct, frozen=True, rename="camel"):
    """``userIds``, or ``memberIds`` as when a group is created, or one ``userId``."""

    user_ids: Users | None = None
    member_ids: Users | None = None
    user_id: UserRef | None = None

    def ids(self) -> list[int | str]:
        """Returns the ids without duplicates. Raises Invalid if there are none."""
        one = [self.user_id] if self.user_id else []
        ids = list(dict.fromkeys([*(self.user_ids or []), *(self.member_ids or []), *one]))
        if not ids:
            raise Invalid.field("userIds", "name at least one user")
        return ids


class RoleBody(Struct, frozen=True, rename="camel"):
    role: Role


def checked_name(name: str) -> str:
    """Returns the name without surrounding space. Raises Invalid if a part of it does not show (app/core/names.py)."""
    if not is_plain(name):
        raise Invalid.field("name", "1 to 120 visible characters")
    return shown(name)


def logged_metadata(given: dict[str, Any] | UnsetType | None) -> str | UnsetType | None:
    """Returns the metadata as it is logged: as text, or None to remove it. Raises Invalid and TooLarge."""
    if isinstance(given, UnsetType):
        return UNSET
    if not given:
        return None
    check_metadata(given)
    return as_text(given)


def changes_of(patch: InfoPatch) -> dict[str, Any]:
    """Returns what ``logged_info`` does. Also raises Invalid if no field is given."""
    changes = logged_info(patch)
    if not changes:
        raise Invalid.field("body", "nothing to change")
    return changes


def logged_info(patch: InfoPatch) -> dict[str, Any]:
    """Returns the given fields as they are logged: false removes the value. Raises Invalid, TooLarge."""
    given = {
        "name": checked_name(patch.name) if isinstance(patch.name, str) else patch.name,
        "description": patch.description,
        "avatarUrl": patch.avatar_url,
        "history": patch.history,
        "readOnly": patch.read_only,
        "metadata": logged_metadata(patch.metadata),
    }
    return {name: value or False for name, value in given.items() if value is not UNSET}
