"""Messages of an import in conversations that exist, and the members of its new conversations, who get an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from app.store.distributed_notes import note_members
from app.store.distribution import known_users
from app.store.imports import Progress
from app.store.layout import is_distributed
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm

# At most this many of the user's own messages beyond the read mark are read.
OWN_LOOKED_AT = 500


class LiveMessage(NamedTuple):
    """``low`` and ``high`` are the users of a direct conversation."""

    conversation_id: int
    id: str
    line: int
    sent_ms: int
    sender_id: int
    kind: str
    body: str
    reply_to: str | None
    extra: dict[str, Any]
    low: int | None
    high: int | None

    @property
    def receiver_id(self) -> int | None:
        """The other user of a direct conversation."""
        return None if self.low is None or not self.sender_id else self.low + (self.high or 0) - self.sender_id


class NewMember(NamedTuple):
    """``was_seen``: the user was online before."""

    user_id: int
    conversation_id: int
    was_seen: bool


def _next(pair: str, conversations: str, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    SELECT m.conversation_id, CAST(m.id AS text), m.line, m.sent_ms,
           coalesce(CAST(CAST(:moved AS jsonb) ->> CAST(m.sender_id AS text) AS bigint), m.sender_id), m.kind, m.body,
           CAST(m.reply_to AS text), m.extra, {pair}
    FROM (
        SELECT * FROM import_messages
        WHERE import_id = :i AND live AND (conversation_id, sent_ms, line) > (:conversation, :ms, :line)
        ORDER BY conversation_id, sent_ms, line LIMIT :limit
    ) AS m
    {conversations}
    ORDER BY m.conversation_id, m.sent_ms, m.line
""")


_NEXT = _next("c.direct_low, c.direct_high", "JOIN conversations AS c ON c.id = m.conversation_id", OneForm)
# In parts, for distributed conversations.
_NEXT_ALONE = _next("NULL, NULL", "")
_PAIRS = HotStatement("""
    SELECT id, direct_low, direct_high FROM conversations WHERE id = ANY(CAST(:ids AS bigint[]))
""")
_MADE = HotStatement("""
    SELECT conversation_id FROM import_conversations WHERE import_id = :i AND written AND is_new
""")
_MEMBERS_OF = HotStatement("""
    SELECT user_id, min(conversation_id) FROM members
    WHERE conversation_id = ANY(CAST(:ids AS bigint[])) AND left_seq IS NULL AND user_id > :after
    GROUP BY user_id ORDER BY user_id LIMIT :limit
""")
_SEEN = HotStatement("""
    SELECT id FROM users WHERE id = ANY(CAST(:users AS bigint[])) AND last_seen_at IS NOT NULL
""")
_HAVE_READ = HotStatement(f"""
    SELECT u FROM unnest(CAST(:users AS bigint[]), CAST(:reads AS bigint[])) AS member (u, r)
    WHERE :first - 1 - r <= {OWN_LOOKED_AT} AND (
        SELECT count(*) FROM messages AS x
        WHERE x.conversation_id = :conversation AND x.seq > r AND x.seq < :first
          AND (x.sender_id = u OR x.deleted_at IS NOT NULL)
    ) = :first - 1 - r
""")


def _add_former(users: str, form: type[HotStatement] = HotStatement) -> HotStatement:
    return form(f"""
    INSERT INTO members (conversation_id, user_id, last_delivered_seq, last_read_seq, left_seq, left_version)
    SELECT CAST(:conversation AS bigint), u, s, s, s, 0
    FROM unnest(CAST(:users AS bigint[]), CAST(:seqs AS bigint[])) AS new (u, s) {users}
    ON CONFLICT (conversation_id, user_id) DO UPDATE SET left_seq = greatest(members.left_seq, excluded.left_seq)
    WHERE members.left_seq > 0
""")


_ADD_FORMER = _add_former("JOIN users ON users.id = u", OneForm)
_ADD_FORMER_OF = _add_former("")
_NEW_MEMBERS = OneForm("""
    SELECT DISTINCT ON (m.user_id) m.user_id, m.conversation_id, u.last_seen_at IS NOT NULL
    FROM import_conversations AS c
    JOIN members AS m ON m.conversation_id = c.conversation_id AND m.left_seq IS NULL AND m.user_id > :after
    JOIN users AS u ON u.id = m.user_id
    WHERE c.import_id = :i AND c.written AND c.is_new
    ORDER BY m.user_id, m.conversation_id LIMIT :limit
""")


def next_messages(conn: Connection, import_id: str, at: Progress, limit: int) -> list[LiveMessage]:
    """Returns the next messages of conversations that exist, by conversation and time."""
    place = {"conversation": at.conversation, "ms": at.ms, "line": at.line}
    moved = msgspec.json.encode(at.moved).decode()
    values = {"i": import_id, **place, "moved": moved, "limit": limit}
    if not is_distributed(conn):
        return [LiveMessage(*row) for row in _NEXT.rows(conn, **values)]
    rows = _NEXT_ALONE.rows(conn, **values)
    found = _PAIRS.rows(conn, ids=int_array({row[0] for row in rows})) if rows else []
    pairs = {id_: pair for id_, *pair in found}
    return [LiveMessage(*row[:-2], *pairs[row[0]]) for row in rows if row[0] in pairs]


def have_read(conn: Connection, conversation_id: int, first: int, reads: Sequence[tuple[int, int]]) -> set[int]:
    """Returns the members who have no unread message before the message ``first``: Postgres has all messages between
    their mark and ``first``, and these are their own or deleted. ``reads`` has pairs (member, read mark).
    """
    if not reads:
        return set()
    users, marks = int_array(user for user, _ in reads), int_array(mark for _, mark in reads)
    rows = _HAVE_READ.rows(conn, conversation=conversation_id, first=first, users=users, reads=marks)
    return {user for (user,) in rows}


def add_former(conn: Connection, conversation_id: int, last_seqs: dict[int, int]) -> None:
    """Stores users who wrote here but are not members as former members who left after these messages."""
    if not last_seqs:
        return
    statement = _ADD_FORMER
    if is_distributed(conn):
        statement = _ADD_FORMER_OF
        last_seqs = {user: last_seqs[user] for user in known_users(conn, last_seqs)}
    users, seqs = int_array(last_seqs), int_array(last_seqs.values())
    statement.run(conn, conversation=conversation_id, users=users, seqs=seqs)
    note_members(conn, [conversation_id], last_seqs)


def new_members(conn: Connection, import_id: str, after: int, limit: int) -> list[NewMember]:
    """Returns the next members of conversations that the import made, each with one of these conversations."""
    if not is_distributed(conn):
        return [NewMember(*row) for row in _NEW_MEMBERS.rows(conn, i=import_id, after=after, limit=limit)]
    made = int_array(conversation for (conversation,) in _MADE.rows(conn, i=import_id))
    members = _MEMBERS_OF.rows(conn, ids=made, after=after, limit=limit)
    seen = {user for (user,) in _SEEN.rows(conn, users=int_array(user for user, _ in members))}
    return [NewMember(user, conversation, user in seen) for user, conversation in members]
