"""Users whose name, avatar or status changed, or whose account was deleted, and the people who see them.

``users.changed_at`` is all that is stored: one time per user, however many people see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from app.core.user_status import Status
from app.store.distribution import UserStatement
from app.store.layout import is_distributed
from app.store.models import Member
from app.store.pg_arrays import int_array
from app.store.sql import COMMIT_MARGIN_MS, HotStatement, OneForm, any_of, moment, ms_of, structs

# Changes of all users that a session which resumes looks through.
MAX_SCANNED = 2_000


class ChangedUser(Struct, frozen=True):
    id: int
    display_name: str
    avatar_url: str | None
    deleted: bool
    status_text: str | None
    status_emoji: str | None
    status_until_ms: int | None
    do_not_disturb_ms: int | None
    external_id: str | None
    metadata: dict[str, Any] | None

    @property
    def status(self) -> Status:
        return Status(self.status_text, self.status_emoji, self.status_until_ms)


_FIELDS = f"""
    u.id, u.display_name, u.avatar_url, u.deleted_at IS NOT NULL, u.status_text, u.status_emoji,
    {ms_of("u.status_until")}, {ms_of("u.do_not_disturb_until")}, u.external_id, u.metadata
"""
_ONE = HotStatement(f"SELECT {_FIELDS} FROM users AS u WHERE u.id = :id")
_OWN = "own AS MATERIALIZED (SELECT conversation_id FROM members WHERE user_id = :viewer AND left_seq IS NULL)"
# Both statements return the number of rows that they looked through with each user, or in a row without a user if they
# found none. This one looks through the users who changed: few in most deployments.
_AMONG_CHANGED = OneForm(f"""
    WITH recent AS MATERIALIZED (
        SELECT * FROM users WHERE changed_at > :since ORDER BY changed_at DESC LIMIT {MAX_SCANNED + 1}
    ), {_OWN}
    SELECT scanned.n, {_FIELDS} FROM (SELECT count(*) AS n FROM recent) AS scanned
    LEFT JOIN recent AS u ON u.id = :viewer OR EXISTS (
        SELECT FROM members AS m WHERE m.user_id = u.id AND m.conversation_id IN (SELECT conversation_id FROM own))
""")
# Looks through the people whom the viewer knows, for a deployment in which very many people change all the time. OFFSET
# 0 keeps Postgres from reading all users.
_AMONG_KNOWN = OneForm(f"""
    WITH {_OWN}, known AS MATERIALIZED (
        SELECT m.user_id FROM own JOIN members AS m ON m.conversation_id = own.conversation_id LIMIT {MAX_SCANNED + 1}
    )
    SELECT scanned.n, {_FIELDS} FROM (SELECT count(*) AS n FROM known) AS scanned
    LEFT JOIN (
        SELECT x.* FROM (SELECT user_id FROM known UNION SELECT CAST(:viewer AS bigint)) AS one (id)
        CROSS JOIN LATERAL (SELECT * FROM users WHERE id = one.id AND changed_at > :since OFFSET 0) AS x
    ) AS u ON true
""")


_OF_USER = UserStatement("SELECT conversation_id FROM members WHERE user_id = :user_id")
# In parts, for distributed conversations.
_RECENT = HotStatement(f"""
    SELECT id FROM users WHERE changed_at > :since ORDER BY changed_at DESC LIMIT {MAX_SCANNED + 1}
""")
_MET = UserStatement("""
    SELECT DISTINCT theirs.user_id FROM members AS mine
    JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
    WHERE mine.user_id = :viewer AND mine.left_seq IS NULL AND theirs.user_id = ANY(CAST(:users AS bigint[]))
""")
_KNOWN = UserStatement(f"""
    SELECT theirs.user_id FROM members AS mine
    JOIN members AS theirs ON theirs.conversation_id = mine.conversation_id
    WHERE mine.user_id = :viewer AND mine.left_seq IS NULL LIMIT {MAX_SCANNED + 1}
""")
_AMONG = HotStatement(f"""
    SELECT {_FIELDS} FROM users AS u WHERE u.id = ANY(CAST(:users AS bigint[])) AND u.changed_at > :since
""")


def changed_since(conn: Connection, viewer_id: int, since_ms: int, limit: int) -> list[ChangedUser] | None:
    """Returns the users who changed since then and share a conversation with the viewer, or once shared one; also the
    viewer. Includes users who changed in the last seconds before ``since_ms``. Returns None if they are more than
    ``limit``, or if the viewer knows very many people and very many changed.
    """
    since = moment(since_ms - COMMIT_MARGIN_MS)
    if is_distributed(conn):
        return _changed_in_parts(conn, viewer_id, since, limit)
    for statement in (_AMONG_CHANGED, _AMONG_KNOWN):
        rows = statement.rows(conn, viewer=viewer_id, since=since)
        if rows[0][0] <= MAX_SCANNED:
            found = [ChangedUser(*row[1:]) for row in rows if row[1] is not None]
            return found if len(found) <= limit else None
    return None


def _changed_in_parts(conn: Connection, viewer_id: int, since: datetime, limit: int) -> list[ChangedUser] | None:
    recent = [user for (user,) in _RECENT.rows(conn, since=since)]
    if len(recent) <= MAX_SCANNED:
        known = _MET.rows(conn, [viewer_id], viewer=viewer_id, users=int_array(recent)) if recent else []
    else:
        known = _KNOWN.rows(conn, [viewer_id], viewer=viewer_id)
    if len(known) > MAX_SCANNED:
        return None
    people = {viewer_id, *(user for (user,) in known)}
    found = structs(ChangedUser, _AMONG.rows(conn, users=int_array(people), since=since))
    return found if len(found) <= limit else None


def get_changed(conn: Connection, user_id: int) -> ChangedUser | None:
    row = _ONE.row(conn, id=user_id)
    return None if row is None else ChangedUser(*row)


def conversations_of(conn: Connection, user_id: int) -> list[int]:
    """Returns the conversations that the user is in, or was in."""
    return [conversation for (conversation,) in _OF_USER.rows(conn, [user_id], user_id=user_id)]


def members_of(conn: Connection, conversation_ids: Sequence[int]) -> list[int]:
    """Returns the present members of these conversations, each once."""
    there = Member.conversation_id == any_of(conversation_ids), Member.left_seq.is_(None)
    return list(conn.execute(select(Member.user_id).where(*there).distinct()).scalars())
