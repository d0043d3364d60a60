"""Compares SHARDS with the number of shards of the installation when a process starts."""

from __future__ import annotations

import logging

from psycopg.errors import UndefinedTable

from app.config import ConfigError, Settings
from app.core.errors import Overloaded
from app.store.engine import create_engine
from app.store.shard_count import read_or_claim

log = logging.getLogger("parley.store")

CHECK_SECONDS = 4.0
AGAIN_SECONDS = 10.0


def check_shard_count(settings: Settings) -> bool:
    """Raises ConfigError if the installation has another number of shards. Returns False if Postgres did not answer
    within CHECK_SECONDS. A new installation adopts the setting.
    """
    engine = create_engine(settings, timeout_seconds=CHECK_SECONDS)
    try:
        number = read_or_claim(engine, settings.shards)
    except (Overloaded, UndefinedTable) as error:  # UndefinedTable: before the first migration
        log.warning("cannot read the number of shards yet (%s)", type(error).__name__)
        return False
    finally:
        engine.dispose()
    if number != settings.shards:
        raise ConfigError(problem(settings.shards, number))
    return True


def problem(setting: int, number: int) -> str:
    """Returns the line for the operator."""
    has = f"SHARDS is {setting}, but this installation has {number} shard{'s' if number > 1 else ''}."
    if setting < number:
        return f"{has} Set SHARDS={number}: the number, which `flask --app wsgi shards` shows, cannot be lowered."
    return f"{has} Set SHARDS={number}, or stop web and worker and run `flask --app wsgi shards {setting}`."
