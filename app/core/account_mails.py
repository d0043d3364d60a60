"""The mails about accounts: addresses, subjects and texts."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, NamedTuple

from msgspec import Meta

from app.core.languages import Texts

# The addresses that browsers accept in <input type="email"> (HTML's own rule), with a dot in the domain.
EMAIL_PATTERN = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\Z"
MAX_EMAIL = 254
Email = Annotated[str, Meta(max_length=MAX_EMAIL, pattern=EMAIL_PATTERN)]

# The purpose of a link. The page's address contains it, so that the page opens the right form.
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


def verification(username: str, address: str, minutes: int, texts: Texts) -> Text:
    asked = texts.text("open this link to use this address for your account:")
    return Text(texts.text("Confirm your e-mail address"), _with_link(username, asked, address, minutes, texts))


def reset(username: str, address: str, minutes: int, texts: Texts) -> Text:
    asked = texts.text("open this link to choose a new password:")
    return Text(texts.text("Choose a new password"), _with_link(username, asked, address, minutes, texts))


def password_was_reset(username: str, texts: Texts) -> Text:
    return Text(
        texts.text("Your password was changed"),
        _paragraphs(
            texts.text("Hello {name},", name=username),
            texts.text("the password of your account was just reset, and all devices were signed out."),
            texts.text(
                "If this was not you, ask for a new password at once, and then contact the people who run this server."
            ),
        ),
    )


def second_factor_is_on(username: str, texts: Texts) -> Text:
    subject = texts.text("Two-step sign-in was turned on")
    happened = texts.text("signing in to your account now needs a code from an authenticator app.")
    return Text(subject, _notice(username, happened, texts))


def second_factor_is_off(username: str, texts: Texts) -> Text:
    subject = texts.text("Two-step sign-in was turned off")
    happened = texts.text("signing in to your account now needs only the password.")
    return Text(subject, _notice(username, happened, texts))


def email_was_changed(username: str, texts: Texts) -> Text:
    subject = texts.text("Your e-mail address was changed")
    happened = texts.text("your account does not use this e-mail address any more.")
    return Text(subject, _notice(username, happened, texts))


def _notice(username: str, happened: str, texts: Texts) -> str:
    advice = texts.text(
        "If this was not you, change your password at once, and contact the people who run this server."
    )
    return _paragraphs(texts.text("Hello {name},", name=username), happened, advice)


def _with_link(username: str, asked: str, address: str, minutes: int, texts: Texts) -> str:
    if minutes < 120:
        valid = texts.counted(
            "The link works once, within {count} minute.", "The link works once, within {count} minutes.", minutes
        )
    else:
        valid = texts.counted(
            "The link works once, within {count} hour.", "The link works once, within {count} hours.", minutes // 60
        )
    ignore = texts.text("If you did not ask for this, ignore this mail: nothing changes.")
    return _paragraphs(texts.text("Hello {name},", name=username), asked, address, valid, ignore)


def _paragraphs(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"
