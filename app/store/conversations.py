"""Conversations: opening the direct one of two users, what Redis is filled with, and what a member's list
shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from app.store.messages import StoredMessage, columns, unread_count
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, ms_of

# Members shown with one conversation; beyond that they are paged.
MEMBERS_SHOWN = 100


class MemberState(NamedTuple):
    user_id: int
    role: str
    delivered_seq: int
    read_seq: int


class ConversationState(Struct, frozen=True):
    """What Redis must know of a conversation, all of one moment."""

    id: int
    kind: str
    last_seq: int
    version: int
    members: list[MemberState]


class ActivityCursor(NamedTuple):
    """A place in a list by newest activity: microseconds since 1970, then id."""

    activity_us: int
    id: int


class ConversationSummary(Struct, frozen=True):
    """A conversation as one of its members sees it. ``members`` is empty for groups in a list."""

    id: int
    kind: str
    name: str | None
    last_seq: int
    version: int
    activity_us: int
    member_count: int
    read_seq: int
    unread: int
    muted_until_ms: int | None
    last_message: StoredMessage | None
    members: list[MemberState]

    @property
    def cursor(self) -> ActivityCursor:
        return ActivityCursor(self.activity_us, self.id)


# The members come in with the conversation, or the conversation does not come at all. Two at once: the second
# waits for the first's commit and finds nothing to do, nor yet to see; asked again, it sees.
_OPEN_DIRECT = HotStatement("""
    WITH found AS (
        SELECT id FROM conversations WHERE direct_low = :low AND direct_high = :high
    ), people AS (
        SELECT id FROM users WHERE id IN (:low, :high)
    ), made AS (
        INSERT INTO conversations (kind, direct_low, direct_high)
        SELECT 'direct', :low, :high
        WHERE NOT EXISTS (SELECT FROM found) AND (SELECT count(*) FROM people) = :expected
        ON CONFLICT (direct_low, direct_high) DO NOTHING RETURNING id
    ), joined AS (
        INSERT INTO members (conversation_id, user_id) SELECT made.id, people.id FROM made, people
    )
    SELECT id, false, 1 FROM found UNION ALL SELECT id, true, 1 FROM made
    UNION ALL SELECT 0, false, 0 FROM people HAVING count(*) < :expected
""")
_STATE = HotStatement("""
    SELECT c.id, c.kind, c.last_seq, c.version, m.user_id, m.role, m.last_delivered_seq, m.last_read_seq
    FROM unnest(CAST(:ids AS bigint[])) AS asked (id)
    JOIN conversations AS c ON c.id = asked.id
    LEFT JOIN members AS m ON m.conversation_id = c.id
    ORDER BY c.id, m.user_id
""")
_MEMBERS = HotStatement("""
    SELECT c, m.user_id, m.role, m.last_delivered_seq, m.last_read_seq
    FROM unnest(CAST(:ids AS bigint[])) AS asked (c)
    CROSS JOIN LATERAL (
        SELECT * FROM members AS x WHERE x.conversation_id = c ORDER BY x.user_id LIMIT :limit
    ) AS m
    ORDER BY c, m.user_id
""")
_IDS_OF = HotStatement("SELECT conversation_id FROM members WHERE user_id = :user_id ORDER BY conversation_id")


def _summaries(which: str, order_and_limit: str) -> HotStatement:
    """The conversations of ``which`` (over members m, conversations c) with their last message and unread
    count.
    """
    return HotStatement(f"""
        SELECT p.id, p.kind, p.name, p.last_seq, p.version, p.activity_us,
               (SELECT count(*) FROM members AS x WHERE x.conversation_id = p.id),
               p.last_read_seq, {unread_count("p")}, {ms_of("p.muted_until")}, {columns("last")}
        FROM (
            SELECT c.id, c.kind, c.name, c.last_seq, c.version, c.last_activity_at,
                   CAST(date_part('epoch', c.last_activity_at) * 1000000 AS bigint) AS activity_us,
                   m.conversation_id, m.user_id, m.last_read_seq, m.muted_until
            FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
            WHERE m.user_id = :user_id AND {which} {order_and_limit}
        ) AS p
        LEFT JOIN LATERAL (
            SELECT * FROM messages AS x WHERE x.conversation_id = p.id ORDER BY x.seq DESC LIMIT 1
        ) AS last ON true
        ORDER BY p.last_activity_at DESC, p.id DESC
    """)


_PAGE = _summaries(
    "(c.last_activity_at, c.id) < (to_timestamp(CAST(:us AS float8) / 1000000), :id)",
    "ORDER BY c.last_activity_at DESC, c.id DESC LIMIT :limit",
)
_ONE = _summaries("m.conversation_id = :conversation_id", "")
_END_OF_TIME_US = 4_102_444_800_000_000  # the year 2100


def get_or_create_direct(conn: Connection, user: int, other: int) -> tuple[int, bool] | None:
    """``(conversation_id, created)`` of the one direct conversation of the two; one member where they are the
    same.

    None where one of them is not a user. Of many at once, exactly one creates. Needs no transaction around
    it.
    """
    low, high = min(user, other), max(user, other)
    values = {"low": low, "high": high, "expected": 1 if low == high else 2}
    for _ in range(3):
        for conversation, created, possible in _OPEN_DIRECT.rows(conn, **values):
            return (conversation, created) if possible else None
    raise LookupError("a direct conversation was neither found nor made")


def load_state(conn: Connection, conversation_ids: Sequence[int]) -> list[ConversationState]:
    """Those of the conversations that exist, by id."""
    rows = _STATE.rows(conn, ids=int_array(conversation_ids))
    return [
        ConversationState(c, kind, seq, version, [MemberState(*row[4:]) for row in group if row[4] is not None])
        for (c, kind, seq, version), group in groupby(rows, key=itemgetter(0, 1, 2, 3))
    ]


def conversation_ids_of(conn: Connection, user_id: int) -> list[int]:
    return [conversation for (conversation,) in _IDS_OF.rows(conn, user_id=user_id)]


def list_page(
    conn: Connection, user_id: int, *, before: ActivityCursor | None = None, limit: int = 50
) -> tuple[list[ConversationSummary], bool]:
    """The user's conversations by newest activity, and whether there are more, in two statements.

    Continue with the ``cursor`` of the last one.
    """
    us, last_id = before or (_END_OF_TIME_US, 0)
    rows = _PAGE.rows(conn, user_id=user_id, us=us, id=last_id, limit=limit + 1)
    shown = rows[:limit]
    members = _members(conn, [row[0] for row in shown if row[1] == "direct"])
    return [_summary(row, members) for row in shown], len(rows) > limit


def get_one(conn: Connection, user_id: int, conversation_id: int) -> ConversationSummary | None:
    """The conversation with its first ``MEMBERS_SHOWN`` members; None where the user is not one of them."""
    rows = _ONE.rows(conn, user_id=user_id, conversation_id=conversation_id)
    return _summary(rows[0], _members(conn, [conversation_id])) if rows else None


def _members(conn: Connection, conversation_ids: Sequence[int]) -> dict[int, list[MemberState]]:
    if not conversation_ids:
        return {}
    rows = _MEMBERS.rows(conn, ids=int_array(conversation_ids), limit=MEMBERS_SHOWN)
    return {c: [MemberState(*row[1:]) for row in group] for c, group in groupby(rows, key=itemgetter(0))}


def _summary(row: tuple[Any, ...], members: dict[int, list[MemberState]]) -> ConversationSummary:
    last = StoredMessage(*row[10:]) if row[10] is not None else None
    values = [*row[:10], last, members.get(row[0], [])]
    return ConversationSummary(*values)
