"""Reads the profile from the claims of an external user service, as far as it can be used.

The values are cleaned like those that users enter. A value that cannot be used never refuses a token: it is left out,
and the log names its claim once per process.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from app.config import Settings
from app.core.account_mails import is_email
from app.core.accounts import AVATAR_URL, MAX_AVATAR_URL, showable
from app.core.avatars import avatar_of
from app.core.errors import Invalid
from app.translations import checked_locale

log = logging.getLogger("parley.issuer")


class ClaimNames(NamedTuple):
    """The names of the claims; by default those of OpenID Connect."""

    username: str = "preferred_username"
    name: str = "name"
    picture: str = "picture"
    email: str = "email"
    locale: str = "locale"

    @classmethod
    def from_settings(cls, settings: Settings) -> ClaimNames:
        return cls(*(getattr(settings, f"jwt_{field}_claim") for field in cls._fields))


class ProfileClaims:
    """If a token has no claim for the name, its ``given_name`` and ``family_name`` are used, as in OpenID Connect."""

    def __init__(self, names: ClaimNames) -> None:
        self._names = {field: getattr(names, field) for field in names._fields}
        self._reported: set[str] = set()

    def read(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields of ExternalClaims that are about the profile. Never raises."""
        return {
            "username": self._name("username", payload),
            "display_name": self._name("name", payload) or _name_of_parts(payload),
            "avatar_url": self._picture(payload),
            "email": self._email(payload),
            "locale": self._locale(payload),
        }

    def _name(self, field: str, payload: dict[str, Any]) -> str:
        given = self._text(field, payload)
        if not isinstance(given, str):
            return ""
        name = showable(given)
        if not name:
            self._report(field, "it shows nothing, or mixes letters that look alike")
        return name

    def _picture(self, payload: dict[str, Any]) -> str | UnsetType | None:
        given = self._text("picture", payload)
        if isinstance(given, str) and not _is_outside_address(given):
            self._report("picture", "it is not an https address")
            return UNSET
        return given

    def _email(self, payload: dict[str, Any]) -> str | UnsetType | None:
        given = self._text("email", payload)
        if isinstance(given, str) and payload.get("email_verified", True) in (False, "false"):
            return UNSET
        if isinstance(given, str) and not is_email(given):
            self._report("email", "it is not an e-mail address")
            return UNSET
        return given

    def _locale(self, payload: dict[str, Any]) -> str | UnsetType | None:
        given = self._text("locale", payload)
        if not isinstance(given, str):
            return given
        try:
            return checked_locale(given.replace("_", "-"))
        except Invalid:
            self._report("locale", "it is not the tag of a known language")
            return UNSET

    def _text(self, field: str, payload: dict[str, Any]) -> str | UnsetType | None:
        """Returns the claim without surrounding space; None if it is null or empty, UNSET if it is absent."""
        given = _find(payload, self._names[field])
        if given is None or given is UNSET:
            return given
        if not isinstance(given, str):
            self._report(field, "it is no text")
            return UNSET
        return given.strip() or None

    def _report(self, field: str, problem: str) -> None:
        if field not in self._reported:
            self._reported.add(field)
            log.warning("ignored the claim %r of a token: %s", self._names[field], problem)


def _find(payload: dict[str, Any], name: str) -> Any:
    """Returns the claim of this name, or the one at this path (``profile.name``); UNSET if there is none."""
    if not name:
        return UNSET
    if name in payload:
        return payload[name]
    found: Any = payload
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return UNSET
        found = found[part]
    return found


def _name_of_parts(payload: dict[str, Any]) -> str:
    parts = [payload.get("given_name"), payload.get("family_name")]
    return showable(" ".join(part for part in parts if isinstance(part, str)))


def _is_outside_address(text: str) -> bool:
    return len(text) <= MAX_AVATAR_URL and AVATAR_URL.fullmatch(text) is not None and avatar_of(text) is None
