"""Whether people may register and log in here."""

from __future__ import annotations

from app.config import Settings
from app.core.errors import NotFound


def check_local_accounts(settings: Settings) -> None:
    """Raise NotFound where an outside user service is trusted and LOCAL_ACCOUNTS is not set.

    One source of people is the safe default: with both, whoever registers the name of an outside user would
    look like them.
    """
    if not settings.local_accounts_on:
        raise NotFound("Accounts are kept by another service here.")
