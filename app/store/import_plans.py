"""The plan of an import: users, conversations and messages that were checked but are not written yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.store.conversation_keys import of_external, of_pairs
from app.store.layout import is_distributed, routed
from app.store.pg_arrays import bool_array, int_array, json_array, text_array
from app.store.sql import HotStatement, OneForm


class KnownConversation(NamedTuple):
    """``planned``: a line of this import is about this object; with ``is_new``, it does not exist yet. ``low`` and
    ``high`` are the users of a direct conversation.
    """

    id: int
    external_id: str | None
    kind: str
    low: int | None
    high: int | None
    is_new: bool
    planned: bool


class PlannedUser(NamedTuple):
    external_id: str
    user_id: int
    username: str | None
    fields: dict[str, Any]


class PlannedConversation(NamedTuple):
    """``fields``: kind, columns of a group, and ``members`` as (user id, role)."""

    conversation_id: int
    external_id: str | None
    low: int | None
    high: int | None
    is_new: bool
    fields: dict[str, Any]


class PlannedMessage(NamedTuple):
    """``extra`` is JSON. ``live``: its conversation exists."""

    conversation_id: int
    id: str
    live: bool
    line: int
    sent_ms: int
    sender_id: int
    kind: str
    body: str
    reply_to: str | None
    extra: str


_NEXT_IDS = {
    table: HotStatement(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, :n)")
    for table in ("users", "conversations")
}
_USERS = HotStatement("""
    SELECT external_id, user_id FROM import_users WHERE import_id = :i AND external_id = ANY(CAST(:names AS text[]))
""")
_USERNAMES = HotStatement("""
    SELECT username FROM users WHERE username = ANY(CAST(:names AS text[]))
    UNION SELECT username FROM import_users WHERE import_id = :i AND username = ANY(CAST(:names AS text[]))
""")
_CONVERSATIONS = OneForm("""
    SELECT id, external_id, kind, direct_low, direct_high, false, false FROM conversations
    WHERE external_id = ANY(CAST(:names AS text[]))
    UNION ALL
    SELECT id, external_id, kind, direct_low, direct_high, false, false FROM conversations
    WHERE id = ANY(CAST(:ids AS bigint[]))
    UNION ALL
    SELECT conversation_id, external_id, fields ->> 'kind', direct_low, direct_high, is_new, true
    FROM import_conversations
    WHERE import_id = :i AND external_id = ANY(CAST(:names AS text[]))
""")
# In parts, for distributed conversations.
_THESE = HotStatement("""
    SELECT id, external_id, kind, direct_low, direct_high, false, false FROM conversations
    WHERE id = ANY(CAST(:ids AS bigint[]))
""")
_PLANNED = HotStatement("""
    SELECT conversation_id, external_id, fields ->> 'kind', direct_low, direct_high, is_new, true
    FROM import_conversations
    WHERE import_id = :i AND external_id = ANY(CAST(:names AS text[]))
""")
_PLANNED_PAIRS = HotStatement("""
    SELECT c.conversation_id, c.external_id, 'direct', c.direct_low, c.direct_high, c.is_new, true
    FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS pair (low, high)
    JOIN import_conversations AS c ON c.import_id = :i AND c.direct_low = low AND c.direct_high = high
""")
_WRITTEN_MESSAGES = HotStatement(
    routed(
        """
    SELECT c, CAST(i AS text), m.sender_id, true
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) AS wanted (c, i)
    JOIN messages AS m ON m.id = i AND m.conversation_id = c
    """,
        "conversations",
    )
)
_PLANNED_MESSAGES = HotStatement("""
    SELECT c, CAST(i AS text), m.sender_id, false
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) AS wanted (c, i)
    JOIN import_messages AS m ON m.import_id = :i AND m.conversation_id = c AND m.id = i
""")
_PAIRS = OneForm("""
    SELECT c.id, c.external_id, c.kind, c.direct_low, c.direct_high, false, false
    FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS pair (low, high)
    JOIN conversations AS c ON c.direct_low = low AND c.direct_high = high
    UNION ALL
    SELECT c.conversation_id, c.external_id, 'direct', c.direct_low, c.direct_high, c.is_new, true
    FROM unnest(CAST(:lows AS bigint[]), CAST(:highs AS bigint[])) AS pair (low, high)
    JOIN import_conversations AS c ON c.import_id = :i AND c.direct_low = low AND c.direct_high = high
""")
# The sum keeps Postgres from reading a whole conversation by its primary key; the index of ids finds the message.
_MESSAGES = OneForm("""
    SELECT c, CAST(i AS text), m.sender_id, true
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) AS wanted (c, i)
    JOIN messages AS m ON m.id = i AND m.conversation_id + 0 = c
    UNION ALL
    SELECT c, CAST(i AS text), m.sender_id, false
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) AS wanted (c, i)
    JOIN import_messages AS m ON m.import_id = :i AND m.conversation_id = c AND m.id = i
""")
_ADD_USERS = HotStatement("""
    INSERT INTO import_users (import_id, external_id, user_id, username, fields)
    SELECT CAST(:i AS uuid), e, u, n, CAST(f AS jsonb)
    FROM unnest(CAST(:external AS text[]), CAST(:ids AS bigint[]), CAST(:names AS text[]), CAST(:fields AS text[]))
         AS new (e, u, n, f)
""")
_ADD_CONVERSATIONS = HotStatement("""
    INSERT INTO import_conversations
        (import_id, conversation_id, external_id, direct_low, direct_high, is_new, fields)
    SELECT CAST(:i AS uuid), c, e, nullif(l, 0), nullif(h, 0), n, CAST(f AS jsonb)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:external AS text[]), CAST(:lows AS bigint[]), CAST(:highs AS bigint[]),
                CAST(:new AS boolean[]), CAST(:fields AS text[])) AS new (c, e, l, h, n, f)
    ON CONFLICT (import_id, conversation_id) DO UPDATE
    SET external_id = excluded.external_id, fields = excluded.fields
""")
_ADD_MESSAGES = HotStatement("""
    INSERT INTO import_messages
        (import_id, conversation_id, id, live, line, sent_ms, sender_id, kind, body, reply_to, extra)
    SELECT CAST(:i AS uuid), c, m, l, n, s, u, k, b, r, CAST(e AS jsonb)
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[]), CAST(:live AS boolean[]),
                CAST(:lines AS bigint[]), CAST(:sent AS bigint[]), CAST(:senders AS bigint[]), CAST(:kinds AS text[]),
                CAST(:bodies AS text[]), CAST(:replies AS uuid[]), CAST(:extras AS text[]))
         AS new (c, m, l, n, s, u, k, b, r, e)
""")
_DELETE_MESSAGES = HotStatement("""
    DELETE FROM import_messages WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM import_messages WHERE import_id = :i ORDER BY conversation_id, id LIMIT :limit
    ))
""")
_DELETE_REST = (
    HotStatement("DELETE FROM import_users WHERE import_id = :i"),
    HotStatement("DELETE FROM import_conversations WHERE import_id = :i"),
    HotStatement("DELETE FROM import_pieces WHERE import_id = :i"),
)


def next_ids(conn: Connection, table: str, n: int) -> list[int]:
    """Takes ids for rows that are written later. ``table`` is users or conversations."""
    return [row[0] for row in _NEXT_IDS[table].rows(conn, n=n)] if n else []


def planned_users(conn: Connection, import_id: str, external_ids: Collection[str]) -> dict[str, int]:
    """Returns external id -> user id of the users that this import plans."""
    return dict(_USERS.rows(conn, i=import_id, names=text_array(external_ids))) if external_ids else {}


def taken_usernames(conn: Connection, import_id: str, names: Collection[str]) -> set[str]:
    rows = _USERNAMES.rows(conn, i=import_id, names=text_array(names)) if names else []
    return {name for (name,) in rows}


def known_conversations(
    conn: Connection, import_id: str, external_ids: Collection[str], ids: Collection[int]
) -> list[KnownConversation]:
    """Returns those that exist, and those that this import plans. One that exists and gets a name comes twice."""
    names = text_array(external_ids)
    if is_distributed(conn):
        there = int_array({*ids, *of_external(conn, external_ids).values()})
        rows = _THESE.rows(conn, ids=there) + _PLANNED.rows(conn, i=import_id, names=names)
    else:
        rows = _CONVERSATIONS.rows(conn, i=import_id, names=names, ids=int_array(ids))
    return [KnownConversation(*row) for row in rows]


def known_directs(
    conn: Connection, import_id: str, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int], KnownConversation]:
    """Returns the direct conversations of these (low, high) users, also those that this import plans."""
    if not pairs:
        return {}
    lows, highs = int_array(low for low, _ in pairs), int_array(high for _, high in pairs)
    if is_distributed(conn):
        rows = _THESE.rows(conn, ids=int_array(of_pairs(conn, pairs).values()))
        rows += _PLANNED_PAIRS.rows(conn, i=import_id, lows=lows, highs=highs)
    else:
        rows = _PAIRS.rows(conn, i=import_id, lows=lows, highs=highs)
    found = [KnownConversation(*row) for row in rows]
    return {(one.low or 0, one.high or 0): one for one in found}


def known_messages(
    conn: Connection, import_id: str, places: Collection[tuple[int, str]]
) -> dict[tuple[int, str], tuple[int, bool]]:
    """Returns (conversation, id) -> (sender, whether it is written) of those messages that exist or are planned."""
    if not places:
        return {}
    wanted = {"conversations": int_array(c for c, _ in places), "ids": text_array(i for _, i in places)}
    if is_distributed(conn):
        rows = _WRITTEN_MESSAGES.rows(conn, **wanted) + _PLANNED_MESSAGES.rows(conn, i=import_id, **wanted)
    else:
        rows = _MESSAGES.rows(conn, i=import_id, **wanted)
    found: dict[tuple[int, str], tuple[int, bool]] = {}
    for c, i, sender, written in rows:
        if written or (c, i) not in found:
            found[c, i] = sender, written
    return found


def add_users(conn: Connection, import_id: str, users: Sequence[PlannedUser]) -> None:
    if users:
        external, ids, names, fields = zip(*users, strict=True)
        _ADD_USERS.run(
            conn,
            i=import_id,
            external=text_array(external),
            ids=int_array(ids),
            names=text_array(names),
            fields=json_array(fields),
        )


def add_conversations(conn: Connection, import_id: str, conversations: Sequence[PlannedConversation]) -> None:
    """A later row of the same conversation replaces an earlier one."""
    if conversations:
        ids, external, lows, highs, new, fields = zip(*conversations, strict=True)
        _ADD_CONVERSATIONS.run(
            conn,
            i=import_id,
            ids=int_array(ids),
            external=text_array(external),
            lows=int_array(low or 0 for low in lows),
            highs=int_array(high or 0 for high in highs),
            new=bool_array(new),
            fields=json_array(fields),
        )


def add_messages(conn: Connection, import_id: str, messages: Sequence[PlannedMessage]) -> None:
    if messages:
        c, ids, live, lines, sent, senders, kinds, bodies, replies, extras = zip(*messages, strict=True)
        _ADD_MESSAGES.run(
            conn,
            i=import_id,
            conversations=int_array(c),
            ids=text_array(ids),
            live=bool_array(live),
            lines=int_array(lines),
            sent=int_array(sent),
            senders=int_array(senders),
            kinds=text_array(kinds),
            bodies=text_array(bodies),
            replies=text_array(replies),
            extras=text_array(extras),
        )


def delete_some_messages(conn: Connection, import_id: str, limit: int) -> int:
    """Deletes planned messages. Returns how many."""
    return _DELETE_MESSAGES.run(conn, i=import_id, limit=limit)


def delete_rest(conn: Connection, import_id: str) -> None:
    """Deletes everything else that the import planned, and the rest of its body."""
    for statement in _DELETE_REST:
        statement.run(conn, i=import_id)
