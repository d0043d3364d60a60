"""Checks the fields of users that a host's server sent, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from app.core.accounts import normal_username, showable
from app.core.errors import Invalid, ParleyError
from app.core.host_users import HostUser, checked_external_id
from app.core.metadata import check_metadata
from app.core.names import is_plain, shown
from app.translations import checked_locale


class CheckedUser(Struct, frozen=True):
    """The fields in their stored form. UNSET: they stay as they are. None: they are removed."""

    external_id: str
    display_name: str | UnsetType
    username: str | UnsetType
    avatar_url: str | UnsetType | None
    email: str | UnsetType | None
    locale: str | UnsetType | None
    metadata: dict[str, Any] | UnsetType | None

    def first_name(self, username: str) -> str:
        """Returns the name of a new user who has this user name."""
        if isinstance(self.display_name, str):
            return self.display_name
        return username if isinstance(self.username, str) else showable(self.external_id) or username


def checked_user(given: HostUser) -> CheckedUser:
    """Raises Invalid and TooLarge. Unlike names that users choose, the host's may mix scripts that look alike."""
    name = given.display_name
    if given.metadata:
        check_metadata(given.metadata)
    if isinstance(name, str) and not is_plain(name):
        raise Invalid.field("displayName", "1 to 80 visible characters")
    return CheckedUser(
        external_id=checked_external_id(given.external_id),
        display_name=shown(name) if isinstance(name, str) else UNSET,
        username=normal_username(given.username) if isinstance(given.username, str) else UNSET,
        avatar_url=given.avatar_url,
        email=given.email,
        locale=checked_locale(given.locale) if isinstance(given.locale, str) else given.locale,
        metadata=given.metadata,
    )


def checked_users(given: list[HostUser]) -> list[CheckedUser]:
    """Raises Invalid, also if two users have the same external id. Errors name the index of the user."""
    checked: dict[str, CheckedUser] = {}
    for n, user in enumerate(given):
        with errors_in_user(n):
            if user.external_id in checked:
                raise Invalid.field("externalId", "appears twice in this request")
            checked[user.external_id] = checked_user(user)
    return list(checked.values())


@contextmanager
def errors_in_user(place: int | None) -> Iterator[None]:
    """Adds the index of the user to the fields of an error. ``place`` is None if the request has only one user."""
    try:
        yield
    except ParleyError as error:
        fields = error.extra.get("errors")
        if place is None or not fields:
            raise
        named = [{**one, "field": f"users[{place}].{one['field']}"} for one in fields]
        raise type(error)(f"{named[0]['field']}: {named[0]['message']}", errors=named) from None
