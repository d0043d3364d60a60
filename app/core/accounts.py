"""What clients send and get about accounts: these types validate, and OpenAPI is made from them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.errors import Invalid
from app.core.ids import UUID_PATTERN

# Control characters, halves of surrogate pairs, and what turns the direction of the text that follows.
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
AVATAR_URL = re.compile(r"https://[!-~]+", re.ASCII)
USERNAME = re.compile(r"[a-z0-9_.-]{3,32}", re.ASCII)

MAX_DISPLAY_NAME = 80  # characters

Password = Annotated[str, Meta(min_length=8, max_length=200)]
DisplayName = Annotated[str, Meta(min_length=1, max_length=MAX_DISPLAY_NAME)]
# Case is folded before the pattern is checked, so what is limited here is only what gets parsed at all.
Username = Annotated[str, Meta(min_length=3, max_length=32, pattern=r"^[A-Za-z0-9_.-]+$")]
AvatarUrl = Annotated[str, Meta(max_length=2048, pattern=r"^https://[!-~]+$")]


LastSeenVisible = Annotated[
    Literal["everyone", "contacts", "nobody"],
    Meta(description="Who is told when one was last online; contacts share a conversation"),
]

# Names of deleted accounts: nobody may register one and be taken for somebody who is gone.
RESERVED_PREFIX = "deleted-"


class Register(Struct, rename="camel", frozen=True):
    username: Username
    password: Password
    display_name: DisplayName | None = None


class LogIn(Struct, rename="camel", frozen=True):
    """No rules here: a name or password that could not be registered is simply a wrong one."""

    username: Annotated[str, Meta(max_length=256)]
    password: Annotated[str, Meta(max_length=1024)]


class ProfilePatch(Struct, rename="camel", frozen=True):
    """What is absent stays; ``avatarUrl: null`` removes it."""

    display_name: DisplayName | UnsetType = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    last_seen_visible: LastSeenVisible | UnsetType = UNSET


class UserView(Struct, rename="camel", frozen=True):
    id: int
    username: str
    display_name: str
    avatar_url: str | UnsetType = UNSET
    last_seen: str | UnsetType = UNSET


class Profile(UserView, frozen=True, kw_only=True):
    """One's own user."""

    last_seen_visible: LastSeenVisible


class DeleteAccount(Struct, frozen=True):
    """``password`` is asked for where the account has one."""

    password: Annotated[str, Meta(max_length=1024)] | None = None


ExportState = Literal["pending", "ready", "failed"]


class ExportView(Struct, rename="camel", frozen=True, kw_only=True):
    """A file of one's own data: lines of JSON. It stands until ``expiresAt``, once it is ready."""

    export_id: Annotated[str, Meta(pattern=UUID_PATTERN)]
    status: ExportState
    created_at: str
    finished_at: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class DeletionTaken(Struct, frozen=True):
    """From now on nobody can sign in; what the account leaves is removed in the background."""

    status: Literal["accepted"]


class UserList(Struct, frozen=True):
    users: list[UserView]


class Tokens(Struct, rename="camel", frozen=True):
    access_token: str
    refresh_token: str


class SignedIn(Struct, rename="camel", frozen=True):
    user: UserView
    access_token: str
    refresh_token: str


class Ticket(Struct, rename="camel", frozen=True):
    ticket: str
    expires_in: int


def normal_username(text: str) -> str:
    """Lower-cased. Raises Invalid where it is not 3–32 of ``[a-z0-9_.-]``, or reserved."""
    name = text.lower()
    if USERNAME.fullmatch(name) is None:
        raise Invalid.field("username", "3 to 32 of a–z, 0–9, _ . and -")
    if is_reserved(name):
        raise Invalid.field("username", f"names that begin with {RESERVED_PREFIX} are not given out")
    return name


def is_reserved(username: str) -> bool:
    return username.startswith(RESERVED_PREFIX)


def checked_display_name(text: str) -> str:
    """Trimmed. Raises Invalid where nothing visible is left."""
    name = text.strip()
    if not name or _UNSHOWABLE.search(name):
        raise Invalid.field("displayName", "1 to 80 visible characters")
    return name


def showable(text: str) -> str:
    """What may be shown of a name that another service chose: at most 80 characters, perhaps none."""
    return _UNSHOWABLE.sub("", text).strip()[:80]


def checked_avatar_url(text: str) -> str:
    """Raises Invalid where it is not https. The server never calls it; browsers do."""
    if AVATAR_URL.fullmatch(text) is None:
        raise Invalid.field("avatarUrl", "an https address")
    return text
