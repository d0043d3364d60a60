"""Refuses sign-ins and refreshes of suspended users."""

from __future__ import annotations

from sqlalchemy import Connection

from app.core.errors import Suspended
from app.store.suspensions import find_suspension


def refuse_suspended(conn: Connection, user_id: int) -> None:
    """Raises Suspended, with the reason and the end if they are known. Callers have verified a credential first."""
    suspension = find_suspension(conn, user_id)
    if suspension is not None:
        raise Suspended(**suspension.facts())
