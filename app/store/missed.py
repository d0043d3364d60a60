"""Which of many users may have missed something, in a few statements for all of them.

May return users who missed nothing. The limits bound the work for all. Beyond them, everybody may have missed
something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.changed_people import MAX_SCANNED
from app.store.noted_changes import OF_GROUPS
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.sql import COMMIT_MARGIN_MS, HotStatement, moment

# Conversations of changed people that are looked through.
MAX_SHARED = 100_000

# The rows of large groups are few, and are read once for all of the users.
_CHANGED = PartStatement(f"""
    WITH wanted AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:users AS bigint[]), CAST(:versions AS bigint[])) AS wanted (u, v)
    ), groups AS MATERIALIZED (
        SELECT c.id, c.version FROM noted_changes AS g JOIN conversations AS c ON c.id = g.conversation_id
        WHERE g.user_id = {OF_GROUPS} AND of_part(g.conversation_id) AND g.noted > (SELECT min(v) FROM wanted)
          AND c.version > (SELECT min(v) FROM wanted)
    )
    SELECT u FROM wanted WHERE EXISTS (
        SELECT FROM noted_changes AS n JOIN conversations AS c ON c.id = n.conversation_id AND c.version > v
        WHERE n.user_id = u AND n.noted > v AND of_part(n.conversation_id)
    ) OR EXISTS (
        SELECT FROM groups JOIN members AS m ON m.conversation_id = groups.id AND m.user_id = u WHERE groups.version > v
    ) OR EXISTS (SELECT FROM drafts AS d WHERE d.user_id = u AND d.version > v AND of_part(d.conversation_id))
""")
_REQUESTED = HotStatement("""
    SELECT DISTINCT r.user_id FROM requests AS r
    WHERE r.user_id = ANY(CAST(:users AS bigint[])) AND (greatest(r.created_at, r.answered_at) > :since
        OR EXISTS (SELECT FROM blocks AS b WHERE b.user_id = r.user_id AND b.created_at > :since))
""")
_PEOPLE = HotStatement(f"""
    SELECT id FROM users WHERE changed_at > :since ORDER BY changed_at DESC LIMIT {MAX_SCANNED + 1}
""")
_SHARED = HotStatement(f"""
    SELECT conversation_id FROM members WHERE user_id = ANY(CAST(:users AS bigint[])) LIMIT {MAX_SHARED + 1}
""")


def users_with_changes(conn: Connection, since: Iterable[tuple[int, int]], part: Part = WHOLE) -> set[int]:
    """Returns those of the ``(user, version)`` of whose conversations or drafts one of this part changed after the
    version.
    """
    users, versions = zip(*since, strict=True)
    rows = _CHANGED.rows(conn, part, users=int_array(users), versions=int_array(versions))
    return {user for (user,) in rows}


def users_with_requests(conn: Connection, user_ids: Sequence[int], since_ms: int) -> set[int]:
    """Returns those of the users whose requests may have changed since then or shortly before."""
    since = moment(since_ms - COMMIT_MARGIN_MS)
    return {user for (user,) in _REQUESTED.rows(conn, users=int_array(user_ids), since=since)}


def changed_people(conn: Connection, since_ms: int) -> tuple[set[int], set[int]] | None:
    """Returns the users who changed since then or shortly before, and the conversations in which they are or were.
    Returns None if they are too many.
    """
    people = {user for (user,) in _PEOPLE.rows(conn, since=moment(since_ms - COMMIT_MARGIN_MS))}
    if len(people) > MAX_SCANNED:
        return None
    shared = [c for (c,) in _SHARED.rows(conn, users=int_array(people))] if people else []
    return None if len(shared) > MAX_SHARED else (people, set(shared))
