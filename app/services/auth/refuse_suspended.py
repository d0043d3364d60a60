"""Refuses sign-ins and refreshes of suspended users."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.errors import Suspended
from app.core.times import rfc3339
from app.store.suspensions import find_suspension


def refuse_suspended(conn: Connection, user_id: int) -> None:
    """Raises Suspended, with the reason and the end if they are known. Callers have verified a credential first."""
    suspension = find_suspension(conn, user_id)
    if suspension is None:
        return
    until = None if suspension.until_ms is None else rfc3339(suspension.until_ms)
    known = {"reason": suspension.reason, "until": until}
    raise Suspended(**{name: value for name, value in known.items() if value is not None})
