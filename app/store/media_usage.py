"""The bytes that a user's media take, for the limits on uploads."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from app.store.models import Media


class Usage(NamedTuple):
    """``unprocessed`` is part of ``stored``. Media that are being received count with their declared size."""

    unprocessed: int
    stored: int


def lock_usage(conn: Connection, user_id: int) -> Usage:
    """Returns the user's usage. Until the transaction ends, other uploads of the user wait here.

    So a check of the usage and the insertion that follows are one step. The sum reads only an index.
    """
    conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"media of {user_id}", 0))))
    is_unprocessed = Media.state.in_(("receiving", "awaiting", "processing"))
    columns = func.sum(Media.bytes).filter(is_unprocessed), func.sum(Media.bytes)
    row = conn.execute(select(*columns).where(Media.user_id == user_id, Media.state != "deleting")).one()
    return Usage(int(row[0] or 0), int(row[1] or 0))
