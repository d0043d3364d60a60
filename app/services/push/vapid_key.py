"""The deployment's VAPID key: from the environment, or generated at first use and kept in Postgres."""

from __future__ import annotations

from sqlalchemy import Engine

from app.config import Settings
from app.push.vapid import make_private_key, public_key_of
from app.store.engine import writing
from app.store.push_settings import get_or_create_vapid_key


def private_key(settings: Settings, engine: Engine) -> str:
    """May block. Raises Overloaded if Postgres does not answer."""
    if settings.vapid_private_key:
        return settings.vapid_private_key
    with writing(engine) as connection:
        return get_or_create_vapid_key(connection, make_private_key())


def public_key(settings: Settings, engine: Engine) -> str:
    """Returns the key that browsers subscribe with. May block. Raises Overloaded if Postgres does not answer."""
    return public_key_of(private_key(settings, engine))
