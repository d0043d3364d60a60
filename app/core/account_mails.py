"""The mails about accounts: addresses, subjects and texts."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta

# What browsers accept in <input type="email"> (HTML's own rule), with a dot in the domain.
EMAIL_PATTERN = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$"
MAX_EMAIL = 254
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]

# What a link is for. It is also the part of the page's address that opens the form.
Purpose = Literal["verify-email", "reset-password"]
VERIFY: Final = "verify-email"
RESET: Final = "reset-password"


class Text(NamedTuple):
    subject: str
    text: str


def is_email(text: str) -> bool:
    return len(text) <= MAX_EMAIL and re.fullmatch(EMAIL_PATTERN, text) is not None


def link(public_url: str, purpose: Purpose, token: str) -> str:
    """Returns the address that opens the form for a token. Fragments are sent to no server, so they are in no log."""
    return f"{public_url.rstrip('/')}/#{purpose}={token}"


def verification(username: str, address: str, minutes: int) -> Text:
    return Text(
        "Confirm your e-mail address", _with_link(username, "use this address for your account", address, minutes)
    )


def reset(username: str, address: str, minutes: int) -> Text:
    return Text("Choose a new password", _with_link(username, "choose a new password", address, minutes))


def password_was_reset(username: str) -> Text:
    return Text(
        "Your password was changed",
        f"Hello {username},\n\nthe password of your account was just reset, and all devices were signed out.\n\n"
        "If this was not you, ask for a new password at once, and then contact the people who run this server.\n",
    )


def email_was_changed(username: str) -> Text:
    return Text(
        "Your e-mail address was changed",
        f"Hello {username},\n\nyour account does not use this e-mail address any more.\n\n"
        "If this was not you, change your password at once, and contact the people who run this server.\n",
    )


def _with_link(username: str, action: str, address: str, minutes: int) -> str:
    time = f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
    return (
        f"Hello {username},\n\nopen this link to {action}:\n\n{address}\n\n"
        f"The link works once, within {time}.\n\nIf you did not ask for this, ignore this mail: nothing changes.\n"
    )
