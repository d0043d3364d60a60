"""The acquaintances of a user: members of common conversations, senders of requests, and blocked users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from app.core.people_names import NameQuery
from app.store.distribution import UserStatement
from app.store.layout import is_distributed
from app.store.people_names import contacts_by_name
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm
from app.store.users import StoredUser, in_order

_SHARED = """EXISTS (SELECT FROM members AS mine
                  JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id AND theirs.user_id = u
                  WHERE mine.user_id = :viewer)"""


def _acquainted(shared: str, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    SELECT u FROM unnest(CAST(:ids AS bigint[])) AS u
    WHERE u = :viewer
       OR {shared}
       OR EXISTS (SELECT FROM requests
                  WHERE user_id = :viewer AND from_id = u AND (refused OR answered_at IS NULL))
       OR EXISTS (SELECT FROM blocks WHERE user_id = :viewer AND blocked_id = u)
""")


_ACQUAINTED = _acquainted(_SHARED, OneForm)
# For distributed conversations.
_ACQUAINTED_GIVEN = _acquainted("u = ANY(CAST(:met AS bigint[]))")
_MET = UserStatement("""
    SELECT DISTINCT theirs.user_id FROM members AS mine
    JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
    WHERE mine.user_id = :viewer AND theirs.user_id = ANY(CAST(:ids AS bigint[]))
""")


def acquainted(conn: Connection, viewer: int, user_ids: Sequence[int]) -> set[int]:
    """Returns the ids of users whom the viewer has met: in common conversations, by requests, by own blocks."""
    if not user_ids:
        return set()
    values: dict[str, Any] = {"viewer": viewer, "ids": int_array(user_ids)}
    if is_distributed(conn):
        met = int_array(user for (user,) in _MET.rows(conn, [viewer], **values))
        rows = _ACQUAINTED_GIVEN.rows(conn, **values, met=met)
    else:
        rows = _ACQUAINTED.rows(conn, **values)
    return {user for (user,) in rows}


def contacts_named(conn: Connection, viewer: int, prefix: str, limit: int) -> list[StoredUser]:
    """Returns people of the viewer's conversations whose names begin with ``prefix``, by username."""
    query = NameQuery(prefix)
    return in_order(conn, contacts_by_name(conn, viewer, query)[:limit]) if query.start else []
