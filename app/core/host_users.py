"""Requests and answers about users in the server API. The host addresses users by its own ids."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from app.core.account_mails import Email
from app.core.accounts import AvatarUrl, DisplayName, LocaleTag, SuspensionView, Username, UserView
from app.core.commands import MAX_EXTERNAL_ID, ExternalId
from app.core.errors import Invalid
from app.core.metadata import Metadata

MAX_USERS = 1000  # of one request
MIN_TOKEN_SECONDS, MAX_TOKEN_SECONDS = 30, 86_400


class HostUserFields(Struct, rename="camel", frozen=True):
    """Absent fields stay as they are; null removes a value."""

    display_name: DisplayName | UnsetType = UNSET
    username: Username | UnsetType = UNSET
    avatar_url: AvatarUrl | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    locale: LocaleTag | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class HostUser(HostUserFields, frozen=True, kw_only=True):
    external_id: ExternalId


class HostUsers(Struct, frozen=True):
    users: Annotated[list[HostUser], Meta(max_length=MAX_USERS)]


class ServerUser(UserView, frozen=True, kw_only=True):
    """A user as the host's server sees them."""

    created_at: str
    email: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    suspension: SuspensionView | UnsetType = UNSET


class ServerUserList(Struct, frozen=True):
    """In the order of the request."""

    users: list[ServerUser]


class IssueTokens(Struct, rename="camel", frozen=True):
    """``expiresIn`` is in seconds, by default ACCESS_TOKEN_SECONDS. ``refresh``: a refresh token is issued as well."""

    expires_in: Annotated[int, Meta(ge=MIN_TOKEN_SECONDS, le=MAX_TOKEN_SECONDS)] | None = None
    refresh: bool = False


class IssuedTokens(Struct, rename="camel", frozen=True):
    access_token: str
    expires_at: str
    user: ServerUser
    refresh_token: str | UnsetType = UNSET


def username_for(external_id: str, attempt: int) -> str:
    """Returns a username for a user to whom the host gives none: always allowed, and hardly ever taken."""
    return "h-" + (secrets.token_hex(8) if attempt else hashlib.sha256(external_id.encode()).hexdigest()[:16])


def checked_external_id(text: str, field: str = "externalId") -> str:
    """Returns the id as it is. Raises Invalid unless it is 1 to 128 printable characters."""
    if not is_external_id(text):
        raise Invalid.field(field, "1 to 128 printable characters")
    return text


def external_ids_in(references: Iterable[str | int | None]) -> list[str]:
    """Returns the references that are external ids, each once. It leaves out texts that no external id can be:
    Postgres refuses some of them.
    """
    return list({one for one in references if isinstance(one, str) and one.isprintable()})


def is_external_id(text: str) -> bool:
    return 1 <= len(text) <= MAX_EXTERNAL_ID and text.isprintable()
