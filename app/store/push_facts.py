"""The facts about a user and a conversation that decide whether to notify, and with which content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from app.store.distribution import UserStatement
from app.store.layout import is_distributed, routed
from app.store.messages import not_hidden
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, ms_of
from app.store.unread import IS_MARKED_UNREAD, read_by, unread_counts

# The number of seqs to search for the newest message to notify of. Newer messages may be muted, or by blocked users.
LOOK_BACK = 2000


class PushFacts(Struct, frozen=True):
    """``newest`` is the seq of the newest message to notify of, or 0. The fields after it are those of this message.
    ``waiting_since_ms`` is when the oldest undelivered message to notify of was sent. ``named`` is the seq of a message
    that names the user since an edit, after which they have read nothing, or 0. Until ``do_not_disturb_ms``, the user
    wants no notifications.
    """

    user_id: int
    conversation_id: int
    delivered: int
    waiting_since_ms: int | None
    preview: str
    while_active: bool
    quiet_from: int | None
    quiet_to: int | None
    time_zone: str | None
    group: str | None
    newest: int
    message_id: str | None
    sender_id: int | None
    sender: str | None
    text: str | None
    mentioned: bool
    attachments: list[dict[str, Any]] | None
    sent_ms: int | None
    edited_ms: int | None
    named: int
    do_not_disturb_ms: int | None = None


# Not notified: users' own messages, system messages, deleted, hidden and muted messages, and messages by blocked users.
_BLOCKED = "EXISTS (SELECT FROM blocks AS b WHERE b.user_id = m.user_id AND b.blocked_id = x.sender_id)"


def _notifiable(conversation: str, blocked: str) -> str:
    """Returns SQL for the condition that the message x is one to notify the member m of."""
    return f"""
    x.conversation_id = {conversation} AND x.seq > c.last_seq - {LOOK_BACK}
    AND x.sender_id <> m.user_id AND x.deleted_at IS NULL AND x.kind <> 'system' AND {not_hidden("x", "m.user_id")}
    AND NOT {blocked}
    AND (m.muted_until IS NULL OR m.muted_until <= now() OR m.mute_except_mentions)
    AND (m.muted_until IS NULL OR m.muted_until <= now() OR x.mentions_all OR m.user_id = ANY (x.mentions))
"""


def _messages_of(conversation: str, notifiable: str) -> str:
    """Returns SQL for the member and the messages that decide, of the conversation with this id."""
    joined = f"m.conversation_id = {conversation} AND m.user_id = wanted.u"
    return f"""LEFT JOIN members AS m ON {joined} AND m.left_seq IS NULL
    LEFT JOIN LATERAL (
        SELECT x.seq FROM mentions AS n
        JOIN messages AS x ON x.seq = n.seq AND x.seq > m.visible_from AND {notifiable}
        WHERE n.user_id = m.user_id AND n.conversation_id = m.conversation_id AND n.seq > c.last_seq - {LOOK_BACK}
          AND n.named_read_seq >= {read_by("m")}
        ORDER BY n.seq DESC LIMIT 1
    ) AS named ON true
    LEFT JOIN LATERAL (
        SELECT x.mentions_all OR m.user_id = ANY (x.mentions) AS mentioned,
               x.seq, x.id, x.sender_id, x.body, x.attachments, x.sent_at, x.edited_at FROM messages AS x
        WHERE x.seq > least(greatest({read_by("m")}, m.visible_from), named.seq - 1)
          AND (x.seq > greatest({read_by("m")}, m.visible_from) OR x.seq = named.seq) AND {notifiable}
        ORDER BY x.seq DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN LATERAL (
        SELECT x.sent_at FROM messages AS x
        WHERE x.seq > greatest({read_by("m")}, m.last_delivered_seq, m.visible_from) AND x.seq <= newest.seq
          AND {notifiable} ORDER BY x.seq LIMIT 1
    ) AS waiting ON true"""


_FACTS = OneForm(f"""
    SELECT wanted.u, wanted.c, coalesce(m.last_delivered_seq, 0), {ms_of("waiting.sent_at")},
           coalesce(s.preview, 'full'), coalesce(s.while_active, false), s.quiet_from, s.quiet_to, s.time_zone,
           CASE c.kind WHEN 'group' THEN coalesce(c.name, '') END,
           coalesce(newest.seq, 0), CAST(newest.id AS text), newest.sender_id, sender.display_name, newest.body,
           coalesce(newest.mentioned, false),
           newest.attachments, {ms_of("newest.sent_at")}, {ms_of("newest.edited_at")}, coalesce(named.seq, 0),
           {ms_of("recipient.do_not_disturb_until")}
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[])) AS wanted (u, c)
    JOIN conversations AS c ON c.id = wanted.c
    LEFT JOIN users AS recipient ON recipient.id = wanted.u
    LEFT JOIN push_settings AS s ON s.user_id = wanted.u
    {_messages_of("wanted.c", _notifiable("m.conversation_id", _BLOCKED))}
    LEFT JOIN users AS sender ON sender.id = newest.sender_id
""")
# In parts, for distributed conversations.
_BLOCKED_GIVEN = """((m.user_id, x.sender_id) IN (
    SELECT * FROM unnest(CAST(:blockers AS bigint[]), CAST(:blocked AS bigint[]))))"""
_BLOCKS = HotStatement("SELECT user_id, blocked_id FROM blocks WHERE user_id = ANY(CAST(:users AS bigint[]))")
_NEWEST = HotStatement(
    routed(
        f"""
    SELECT wanted.u, wanted.c, coalesce(m.last_delivered_seq, 0), {ms_of("waiting.sent_at")},
           CASE c.kind WHEN 'group' THEN coalesce(c.name, '') END,
           coalesce(newest.seq, 0), CAST(newest.id AS text), newest.sender_id, newest.body,
           coalesce(newest.mentioned, false),
           newest.attachments, {ms_of("newest.sent_at")}, {ms_of("newest.edited_at")}, coalesce(named.seq, 0)
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[])) AS wanted (u, c)
    JOIN conversations AS c ON c.id = wanted.c
    {_messages_of("c.id", _notifiable("c.id", _BLOCKED_GIVEN))}
    """,
        "conversations",
    )
)
_PEOPLE = HotStatement(f"""
    SELECT u.id, coalesce(s.preview, 'full'), coalesce(s.while_active, false), s.quiet_from, s.quiet_to, s.time_zone,
           u.display_name, {ms_of("u.do_not_disturb_until")}
    FROM users AS u LEFT JOIN push_settings AS s ON s.user_id = u.id WHERE u.id = ANY(CAST(:users AS bigint[]))
""")
_NOBODY = (0, "full", False, None, None, None, None, None)
_MARKED = UserStatement(f"""
    SELECT user_id, conversation_id FROM members
    WHERE user_id = ANY(CAST(:users AS bigint[])) AND left_seq IS NULL AND {IS_MARKED_UNREAD}
""")


def load_facts(conn: Connection, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], PushFacts]:
    """Returns the facts by (user, conversation). Conversations that do not exist are missing. For former members,
    ``newest`` is 0.
    """
    pairs = list(dict.fromkeys(wanted))
    if not pairs:
        return {}
    users, conversations = zip(*pairs, strict=True)
    values = {"users": int_array(users), "conversations": int_array(conversations)}
    rows = _facts_in_parts(conn, values) if is_distributed(conn) else _FACTS.rows(conn, **values)
    return {(row[0], row[1]): PushFacts(*row) for row in rows}


def _facts_in_parts(conn: Connection, values: dict[str, str]) -> list[tuple[Any, ...]]:
    blocks = _BLOCKS.rows(conn, users=values["users"])
    pairs = {"blockers": int_array(user for user, _ in blocks), "blocked": int_array(other for _, other in blocks)}
    found = _NEWEST.rows(conn, **values, **pairs)
    named = {row[0] for row in found} | {row[7] for row in found if row[7] is not None}
    people = {row[0]: row for row in _PEOPLE.rows(conn, users=int_array(named))}
    return [_joined(row, people) for row in found]


def _joined(row: tuple[Any, ...], people: dict[int, tuple[Any, ...]]) -> tuple[Any, ...]:
    recipient, sender = people.get(row[0], _NOBODY), people.get(row[7], _NOBODY)
    return (*row[:4], *recipient[1:6], *row[4:8], sender[6], *row[8:], recipient[7])


def load_unread(conn: Connection, users: Sequence[int]) -> dict[int, dict[int, int]]:
    """Returns user -> conversation -> number of unread messages, without conversations that have none. A conversation
    that the user marked as unread counts as one message at least.
    """
    counts: dict[int, dict[int, int]] = {user: {} for user in users}
    for user, conversation, count in unread_counts(conn, list(counts)):
        counts[user][conversation] = count
    for user, conversation in _MARKED.rows(conn, counts, users=int_array(counts)):
        counts[user].setdefault(conversation, 1)
    return counts
