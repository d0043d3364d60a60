"""Refuses passwords that an attacker tries first: the commonest ones, and those made of the username."""

from __future__ import annotations

from functools import cache

from app.core.errors import Invalid

COMMON = 10_000
AROUND = "0123456789!?._-"  # characters that people put before and after a word to make it a password


def check_password_strength(password: str, username: str, *, field: str = "password") -> None:
    """Raises Invalid if the password is common or is little more than the username."""
    lowered = password.lower()
    name = username.lower()
    if lowered in (name, name * 2, name[::-1]) or lowered.strip(AROUND) == (name.strip(AROUND) or name):
        raise Invalid.field(field, "must not be the username")
    if lowered in common_passwords():
        raise Invalid.field(field, "is one of the commonest passwords; choose another")


@cache
def common_passwords() -> frozenset[str]:
    """Returns the commonest passwords by zxcvbn's list. Loaded at the first sign-up of a process."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 3 MB of words that most processes never need

    return frozenset(FREQUENCY_LISTS["passwords"][:COMMON])
