"""The claims of a verified token of an external user service."""

from __future__ import annotations

import hashlib
import re

from msgspec import UNSET, Struct, UnsetType

# Letters, perhaps with a short number at the end: ada, Ada.Lovelace, ada42. A random id hardly ever looks like this.
_WORDS = re.compile(r"[^\W\d_]+(?:[ .'_-][^\W\d_]+)*\d{0,4}")
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)
MAX_WORDS = 32


class ExternalClaims(Struct, frozen=True):
    """``sid`` is derived from the issuer's session id, or else from the token, so that a logout here can revoke it.

    The profile has only usable values. An empty name and UNSET leave the stored value as it is; None removes it.
    ``issued_ms`` is None for a token without a date, which never counts as newer than another one.
    """

    issuer: str
    subject: str
    sid: str
    expires_at: int
    username: str
    display_name: str
    avatar_url: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    locale: str | UnsetType | None = UNSET
    issued_ms: int | None = None

    def first_name(self) -> str:
        """Returns the display name of a new user."""
        return self.display_name or self.username or readable_name(self.issuer, self.subject)


def readable_name(issuer: str, subject: str) -> str:
    """Returns a name for a user without any other: the subject itself if people can read it."""
    if len(subject) <= MAX_WORDS and _WORDS.fullmatch(subject):
        return subject
    if _NUMBER.fullmatch(subject):
        return f"User {subject}"
    return "User " + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:6].upper()
