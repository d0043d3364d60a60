"""Finds out which of many users may have missed something, in a few statements for all of them.

May return users who missed nothing. The limits bound the work. Beyond them, everybody counts as having missed
something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from app.core.part import WHOLE, Part
from app.store.changed_people import MAX_SCANNED
from app.store.distribution import UserStatement
from app.store.layout import is_distributed
from app.store.noted_changes import OF_GROUPS
from app.store.part_statement import PartStatement
from app.store.pg_arrays import int_array
from app.store.sql import COMMIT_MARGIN_MS, HotStatement, OneForm, moment

# Conversations of changed people that are looked through.
MAX_SHARED = 100_000

# The rows of large groups are few, and are read once for all of the users.
_CHANGED = PartStatement(
    f"""
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
""",
    OneForm,
)
_REQUESTED = HotStatement("""
    SELECT DISTINCT r.user_id FROM requests AS r
    WHERE r.user_id = ANY(CAST(:users AS bigint[])) AND (greatest(r.created_at, r.answered_at) > :since
        OR EXISTS (SELECT FROM blocks AS b WHERE b.user_id = r.user_id AND b.created_at > :since))
""")
_PEOPLE = HotStatement(f"""
    SELECT id FROM users WHERE changed_at > :since ORDER BY changed_at DESC LIMIT {MAX_SCANNED + 1}
""")
_SHARED = OneForm(f"""
    SELECT conversation_id FROM members WHERE user_id = ANY(CAST(:users AS bigint[])) LIMIT {MAX_SHARED + 1}
""")


# In parts, for distributed conversations: (user, conversation, version) of what may have changed.
_PERHAPS = HotStatement(f"""
    SELECT w.u, n.conversation_id, w.v
    FROM unnest(CAST(:users AS bigint[]), CAST(:versions AS bigint[])) AS w (u, v)
    JOIN noted_changes AS n ON n.user_id = w.u AND n.noted > w.v
    UNION ALL
    SELECT w.u, g.conversation_id, w.v FROM noted_changes AS g
    JOIN noted_changes AS n ON n.conversation_id = g.conversation_id AND n.user_id = ANY(CAST(:users AS bigint[]))
    JOIN unnest(CAST(:users AS bigint[]), CAST(:versions AS bigint[])) AS w (u, v) ON w.u = n.user_id
    WHERE g.user_id = {OF_GROUPS} AND g.noted > w.v
""")
_VERSIONS = PartStatement("""
    SELECT id, version FROM conversations WHERE id = ANY(CAST(:ids AS bigint[])) AND of_part(id)
""")
_DRAFTED = UserStatement("""
    SELECT DISTINCT d.user_id FROM unnest(CAST(:users AS bigint[]), CAST(:versions AS bigint[])) AS w (u, v)
    JOIN drafts AS d ON d.user_id = w.u AND d.version > w.v AND of_part(d.conversation_id)
""")
_SHARED_BY_NOTES = HotStatement(f"""
    SELECT conversation_id FROM noted_changes WHERE user_id = ANY(CAST(:users AS bigint[])) LIMIT {MAX_SHARED + 1}
""")


def users_with_changes(conn: Connection, since: Iterable[tuple[int, int]], part: Part = WHOLE) -> set[int]:
    """Returns the users for whom a conversation or a draft of this part changed after the version. ``since`` has pairs
    (user, version).
    """
    users, versions = zip(*since, strict=True)
    values = {"users": int_array(users), "versions": int_array(versions)}
    if is_distributed(conn):
        return _with_changes_in_parts(conn, users, part, values)
    return {user for (user,) in _CHANGED.rows(conn, part, **values)}


def _with_changes_in_parts(conn: Connection, users: Sequence[int], part: Part, values: dict[str, str]) -> set[int]:
    perhaps = _PERHAPS.rows(conn, **values)
    versions = dict(_VERSIONS.rows(conn, part, ids=int_array({row[1] for row in perhaps})))
    found = {user for user, conversation, version in perhaps if versions.get(conversation, 0) > version}
    return found | {user for (user,) in _DRAFTED.rows(conn, users, part, **values)}


def users_with_requests(conn: Connection, user_ids: Sequence[int], since_ms: int) -> set[int]:
    """Returns the users whose requests may have changed since then or shortly before."""
    since = moment(since_ms - COMMIT_MARGIN_MS)
    return {user for (user,) in _REQUESTED.rows(conn, users=int_array(user_ids), since=since)}


def changed_people(conn: Connection, since_ms: int) -> tuple[set[int], set[int]] | None:
    """Returns the users who changed since then or shortly before, and the conversations in which they are or were.
    Returns None if they are too many.
    """
    people = {user for (user,) in _PEOPLE.rows(conn, since=moment(since_ms - COMMIT_MARGIN_MS))}
    if len(people) > MAX_SCANNED:
        return None
    statement = _SHARED_BY_NOTES if is_distributed(conn) else _SHARED
    shared = [c for (c,) in statement.rows(conn, users=int_array(people))] if people else []
    return None if len(shared) > MAX_SHARED else (people, set(shared))
