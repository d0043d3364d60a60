"""Requests and answers about accounts. These types validate, and OpenAPI is generated from them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.account_mails import MAX_EMAIL, Email
from app.core.avatars import OWN_ADDRESS
from app.core.commands import Time
from app.core.errors import Invalid
from app.core.ids import UUID_PATTERN
from app.core.metadata import Metadata
from app.core.names import is_confusable, is_plain, shown
from app.core.user_status import StatusPatch, StatusView

AVATAR_URL = re.compile(f"https://[!-~]+|{OWN_ADDRESS.pattern}", re.ASCII)
USERNAME = re.compile(r"[a-z0-9_.-]{3,32}", re.ASCII)

MAX_DISPLAY_NAME = 80  # characters
MAX_AVATAR_URL = 2048

Password = Annotated[str, Meta(min_length=8, max_length=200)]
DisplayName = Annotated[str, Meta(min_length=1, max_length=MAX_DISPLAY_NAME)]
# ``normal_username`` checks names after lower-casing them; this pattern limits only the input.
Username = Annotated[str, Meta(min_length=3, max_length=32, pattern=r"^[A-Za-z0-9_.-]+\Z")]
AvatarUrl = Annotated[
    str,
    Meta(
        max_length=MAX_AVATAR_URL,
        pattern=rf"^(https://[!-~]+|{OWN_ADDRESS.pattern})\Z",
        description="An https address, which the server fetches once, or the address of a picture that it has",
    ),
]


LastSeenVisible = Annotated[
    Literal["everyone", "contacts", "nobody"],
    Meta(description="Who sees whether you are online and when you last were"),
]

MayAddMe = Annotated[
    Literal["everyone", "contacts", "nobody"],
    Meta(description="Who can add you to a group at once; anybody else's wish waits as a request"),
]

MayWriteToMe = Annotated[
    Literal["everyone", "contacts", "nobody"],
    Meta(description="Who can begin a direct conversation with you at once; anybody else's waits as a request"),
]

HideBlockedMessages = Annotated[
    bool, Meta(description="Clients show a placeholder for what people you have blocked write in groups")
]

LocaleTag = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=35,
        description="The user's language as a BCP 47 tag (`de-AT`), for notifications and mails",
    ),
]

# Names of deleted accounts. Nobody may register one and impersonate the former user.
RESERVED_PREFIX = "deleted-"
# Names that look as if the deployment spoke, and words that address a group.
RESERVED_NAMES = frozenset({"admin", "system", "support", "all", "everyone", "here", "online", "channel"})
_MARKS = re.compile("[_.-]")


class Register(Struct, rename="camel", frozen=True):
    username: Username
    password: Password
    display_name: DisplayName | None = None


class LogIn(Struct, rename="camel", frozen=True):
    """No rules apply here: a name or password that nobody could register is simply wrong."""

    username: Annotated[str, Meta(max_length=256)]
    password: Annotated[str, Meta(max_length=1024)]
    device_token: Annotated[str, Meta(max_length=512)] | None = None


class ChangePassword(Struct, frozen=True):
    current: Annotated[str, Meta(max_length=1024)]
    new: Password


class SuspendUser(Struct, frozen=True):
    """``until`` is a date or an RFC 3339 time; without it, the suspension lasts until it is lifted. The user sees the
    reason. With ``shadow``, the user does not notice the suspension: they go on, and nobody else sees what they do.
    """

    until: Annotated[str, Meta(min_length=8, max_length=40)] | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    shadow: bool = False


class SuspensionView(Struct, frozen=True):
    until: str | None = None
    reason: str | None = None
    shadow: Literal[True] | UnsetType = UNSET


class ForgotPassword(Struct, frozen=True):
    """Exactly one of the two."""

    username: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    email: Annotated[str, Meta(min_length=1, max_length=MAX_EMAIL)] | None = None


LinkToken = Annotated[str, Meta(min_length=1, max_length=128)]


class ResetPassword(Struct, frozen=True):
    """``token`` is from the link."""

    token: LinkToken
    password: Password


class VerifyEmail(Struct, frozen=True):
    """``token`` is from the link."""

    token: LinkToken


class ChangeEmail(Struct, frozen=True):
    email: Email
    password: Annotated[str, Meta(max_length=1024)]


class MailTaken(Struct, frozen=True):
    """A mail will be sent if there is such an account."""

    status: Literal["accepted"]


class RemoveEmail(Struct, frozen=True):
    password: Annotated[str, Meta(max_length=1024)]


class SignInView(Struct, rename="camel", frozen=True):
    """One of your sign-ins. ``lastUsedAt`` is when its tokens were last renewed. ``network`` is the beginning of the
    address; both it and the device's name are null if unknown.
    """

    id: Annotated[str, Meta(pattern=UUID_PATTERN)]
    created_at: str
    last_used_at: str
    current: bool
    device_name: str | None = None
    network: str | None = None


class SignInList(Struct, frozen=True):
    sessions: list[SignInView]


class SignInsEnding(Struct, rename="camel", frozen=True, kw_only=True):
    """Sign-ins that have ended while Redis does not answer. ``pending`` lists what ends as soon as it answers again,
    and at ``pendingUntil`` (Unix seconds) at the latest.
    """

    status: Literal["accepted"] = "accepted"
    ended: list[str]
    pending: list[str]
    pending_until: int


class ProfilePatch(Struct, rename="camel", frozen=True):
    """Absent fields stay as they are; null removes the picture and the status, ends "do not disturb", and follows the
    browser's languages again."""

    display_name: DisplayName | UnsetType = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    last_seen_visible: LastSeenVisible | UnsetType = UNSET
    may_add_me: MayAddMe | UnsetType = UNSET
    may_write_to_me: MayWriteToMe | UnsetType = UNSET
    hide_blocked_messages: HideBlockedMessages | UnsetType = UNSET
    status: StatusPatch | UnsetType | None = UNSET
    do_not_disturb_until: Time | UnsetType | None = UNSET
    locale: LocaleTag | UnsetType | None = UNSET


class UserView(Struct, rename="camel", frozen=True):
    id: int
    username: str
    display_name: str
    avatar_url: str | UnsetType = UNSET
    last_seen: str | UnsetType = UNSET
    status: StatusView | UnsetType = UNSET
    do_not_disturb_until: Annotated[str, Meta(description="No notifications until then")] | UnsetType = UNSET
    external_id: Annotated[str, Meta(description="The id that the host gave to the user")] | UnsetType = UNSET
    metadata: Annotated[Metadata, Meta(description="Data of the host")] | UnsetType = UNSET


class Profile(UserView, frozen=True, kw_only=True):
    """Your own user."""

    last_seen_visible: LastSeenVisible
    may_add_me: MayAddMe
    may_write_to_me: MayWriteToMe
    hide_blocked_messages: HideBlockedMessages
    locale: str | None
    email: str | UnsetType = UNSET
    second_factor: bool


class DeleteAccount(Struct, frozen=True):
    """``password`` is required if the account has one."""

    password: Annotated[str, Meta(max_length=1024)] | None = None


ExportState = Literal["pending", "ready", "failed"]


class ExportView(Struct, rename="camel", frozen=True, kw_only=True):
    """A file of your own data, as lines of JSON. Once it is ready, it is kept until ``expiresAt``."""

    export_id: Annotated[str, Meta(pattern=UUID_PATTERN)]
    status: ExportState
    created_at: str
    finished_at: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET


class DeletionTaken(Struct, frozen=True):
    """The account is closed for signing in. The account's data is removed in the background."""

    status: Literal["accepted"]


class UserList(Struct, frozen=True):
    users: list[UserView]


class Tokens(Struct, rename="camel", frozen=True):
    """``device_token`` shows at the next sign-in that this device is known."""

    access_token: str
    refresh_token: str
    device_token: str


class SignedIn(Struct, rename="camel", frozen=True):
    user: UserView
    access_token: str
    refresh_token: str
    device_token: str


class Ticket(Struct, rename="camel", frozen=True):
    ticket: str
    expires_in: int


def normal_username(text: str) -> str:
    """Returns the name in lower case. Raises Invalid unless it is 3–32 of ``[a-z0-9_.-]`` and not reserved."""
    name = text.lower()
    if USERNAME.fullmatch(name) is None:
        raise Invalid.field("username", "3 to 32 of a–z, 0–9, _ . and -")
    if is_reserved(name):
        raise Invalid.field("username", "this name is reserved")
    return name


def is_reserved(username: str) -> bool:
    """A reserved name stays reserved with marks in it: ``-admin-``, ``s.y.s.t.e.m``."""
    return _MARKS.sub("", username) in RESERVED_NAMES or username.startswith(RESERVED_PREFIX)


def checked_display_name(text: str) -> str:
    """Returns the name without surrounding space. Raises Invalid if a part of it does not show (app/core/names.py)."""
    name = shown(text)
    if not is_plain(text):
        raise Invalid.field("displayName", "1 to 80 visible characters")
    if is_confusable(name):
        raise Invalid.field("displayName", "a word mixes letters of several scripts that look alike")
    return name


def showable(text: str) -> str:
    """Returns the visible characters of a name from another service: at most 80, and none if it is confusable."""
    name = shown(shown(text)[:MAX_DISPLAY_NAME])
    return "" if is_confusable(name) else name


def checked_avatar_url(text: str) -> str:
    """Raises Invalid unless the URL is https. Only browsers load it; the server never does."""
    if AVATAR_URL.fullmatch(text) is None:
        raise Invalid.field("avatarUrl", "an https address")
    return text
