"""Which message ids Postgres knows already; many in one query."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from app.store.engine import reading
from app.store.messages import ExistingMessage, find_existing


def find_stored_ids(engine: Engine, asked: Sequence[tuple[int, str]]) -> list[ExistingMessage | None]:
    """For each (conversation, id) the message stored under it. May block. Raise Overloaded."""
    with reading(engine) as connection:
        found = find_existing(connection, list(dict.fromkeys(asked)))
    return [found.get(pair) for pair in asked]
