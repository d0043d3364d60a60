"""The deployment's VAPID key: the environment's, or one that was made at first use and is kept in Postgres."""

from __future__ import annotations

from sqlalchemy import Engine

from app.config import Settings
from app.push.vapid import make_private_key, public_key_of
from app.store.engine import writing
from app.store.push_settings import get_or_create_vapid_key


def private_key(settings: Settings, engine: Engine) -> str:
    """May block. Raise Overloaded where Postgres does not answer."""
    if settings.vapid_private_key:
        return settings.vapid_private_key
    with writing(engine) as connection:
        return get_or_create_vapid_key(connection, make_private_key())


def public_key(settings: Settings, engine: Engine) -> str:
    """What browsers subscribe with. May block; likewise."""
    return public_key_of(private_key(settings, engine))
