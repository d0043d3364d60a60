"""Writes the plan of an import: users, and conversations with their messages. Nobody sees a conversation before it is
complete.

Messages have no foreign key to their conversation. So they are written first, under an id that no conversation has yet.
The transaction that writes a conversation's last messages also writes its row and its members, and only then can
anybody find it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from app.core.imports import VERSIONS_PER_MS
from app.store.conversation_keys import give_up_external, of_external, of_pairs, take_external, take_pairs
from app.store.distributed_notes import note_members
from app.store.distribution import ListStatement, known_users
from app.store.imports import Part, Progress
from app.store.layout import is_distributed, routed
from app.store.pg_arrays import int_array, json_array, text_array
from app.store.sql import HotStatement, OneForm, ms_of


class NewUser(NamedTuple):
    user_id: int
    external_id: str
    username: str | None
    fields: dict[str, Any]


class Moved(NamedTuple):
    """Messages of one conversation that were just written. ``line`` and ``ms`` are those of the last one."""

    conversation_id: int
    messages: int
    seq: int
    ms: int
    line: int

    @property
    def part(self) -> Part:
        return self.conversation_id, self.seq - self.messages, self.seq


class SentMessage(NamedTuple):
    conversation_id: int
    seq: int
    id: str
    sender_id: int
    version: int
    sent_ms: int


class NewConversation(NamedTuple):
    """``members`` are (user id, role)."""

    id: int
    external_id: str | None
    low: int | None
    high: int | None
    fields: dict[str, Any]


_USERS = HotStatement("""
    SELECT user_id, external_id, username, fields FROM import_users
    WHERE import_id = :i AND external_id > :after ORDER BY external_id LIMIT :limit
""")
_ADD_USER = HotStatement("""
    INSERT INTO users
        (id, external_id, username, display_name, avatar_url, email, locale, metadata, last_seen_visible, claims_at)
    VALUES (:id, :external_id, :username, :display_name, :avatar_url, :email, :locale, CAST(:metadata AS jsonb),
            :visible, now())
    ON CONFLICT DO NOTHING
""")
# The rows come from the index in the order of the conversations and times, after the last one that was moved.
_MOVE = HotStatement(f"""
    WITH taken AS (
        DELETE FROM import_messages WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM import_messages
            WHERE import_id = :i AND NOT live AND (conversation_id, sent_ms, line) > (:conversation, :ms, :line)
            ORDER BY conversation_id, sent_ms, line LIMIT :limit
        )) RETURNING *
    ), numbered AS (
        SELECT *, CASE WHEN conversation_id = :conversation THEN :seq ELSE 0 END
            + row_number() OVER (PARTITION BY conversation_id ORDER BY sent_ms, line) AS seq
        FROM taken
    ), added AS (
        INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, reply_to, version, created_version,
                              sent_at, extra)
        SELECT conversation_id, seq, id,
               coalesce(CAST(CAST(:moved AS jsonb) ->> CAST(sender_id AS text) AS bigint), sender_id),
               kind, body, reply_to, v, v, to_timestamp(CAST(sent_ms AS float8) / 1000), extra
        FROM (SELECT *, sent_ms * {VERSIONS_PER_MS} + line % {VERSIONS_PER_MS} AS v FROM numbered) AS numbered
        ORDER BY conversation_id, seq
    )
    SELECT conversation_id, count(*), max(seq), (array_agg(sent_ms ORDER BY seq DESC))[1],
           (array_agg(line ORDER BY seq DESC))[1]
    FROM numbered GROUP BY conversation_id ORDER BY conversation_id
""")
_SENT_SINCE = ListStatement(
    f"""
    SELECT x.conversation_id, x.seq, CAST(x.id AS text), x.sender_id, x.version, {ms_of("x.sent_at")}
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:after AS bigint[]), CAST(:upto AS bigint[])) AS part (c, a, u)
    JOIN messages AS x ON x.conversation_id = c AND x.seq > a AND x.seq <= u
    WHERE x.sent_at > to_timestamp(CAST(:since AS float8) / 1000)
""",
    "conversations",
)
_CONVERSATIONS = HotStatement("""
    SELECT conversation_id, external_id, direct_low, direct_high, fields FROM import_conversations
    WHERE import_id = :i AND is_new AND NOT written AND conversation_id = ANY(CAST(:ids AS bigint[]))
    ORDER BY conversation_id
""")
_UNWRITTEN = HotStatement("""
    SELECT conversation_id, external_id, direct_low, direct_high, fields, is_new FROM import_conversations
    WHERE import_id = :i AND conversation_id > :after AND NOT written ORDER BY conversation_id LIMIT :limit
""")


def _add_conversations(
    first: str, last: str, source: str, messages: str, form: type[HotStatement] = HotStatement
) -> HotStatement:
    return form(f"""
    INSERT INTO conversations
        (id, kind, external_id, direct_low, direct_high, name, description, avatar_url, metadata, history, read_only,
         last_seq, member_count, created_at, last_activity_at)
    SELECT c, f ->> 'kind', e, nullif(l, 0), nullif(h, 0), f ->> 'name', f ->> 'description', f ->> 'avatar_url',
           nullif(f -> 'metadata', 'null'),
           coalesce(f ->> 'history', 'all'), coalesce(CAST(f ->> 'read_only' AS boolean), false), s,
           jsonb_array_length(f -> 'members'), coalesce({first}, now()), coalesce({last}, now())
    {source}
    {messages}
    ON CONFLICT DO NOTHING RETURNING id
""")


def _given(more: str = "", names: str = "") -> str:
    return f"""FROM (SELECT c, e, l, h, CAST(f AS jsonb) AS f, s{names} FROM unnest(
        CAST(:ids AS bigint[]), CAST(:external AS text[]), CAST(:lows AS bigint[]), CAST(:highs AS bigint[]),
        CAST(:fields AS text[]), CAST(:seqs AS bigint[]){more}) AS given (c, e, l, h, f, s{names})) AS new"""


_ADD_CONVERSATIONS = _add_conversations(
    "first.sent_at",
    "last.sent_at",
    _given(),
    """LEFT JOIN messages AS first ON first.conversation_id = c AND first.seq = 1
    LEFT JOIN messages AS last ON last.conversation_id = c AND last.seq = s""",
    OneForm,
)
# In parts, for distributed conversations.
_ADD_TIMED = _add_conversations(
    "a", "z", _given(", CAST(:first AS timestamptz[]), CAST(:last AS timestamptz[])", ", a, z"), ""
)
_TIMES = HotStatement(
    routed(
        """
    SELECT x.conversation_id, x.seq, x.sent_at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS wanted (c, s)
    JOIN messages AS x ON x.conversation_id = c AND x.seq IN (1, s)
    """,
        "ids",
    )
)
_WROTE = HotStatement("""
    SELECT conversation_id, sender_id, max(seq) FROM messages
    WHERE conversation_id = ANY(CAST(:ids AS bigint[])) AND sender_id > 0 GROUP BY conversation_id, sender_id
""")
_ADD_FORMER_OF = HotStatement("""
    INSERT INTO members (conversation_id, user_id, last_delivered_seq, last_read_seq, left_seq, left_version)
    SELECT c, u, s, s, s, 0
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:users AS bigint[]), CAST(:seqs AS bigint[])) AS new (c, u, s)
    ON CONFLICT DO NOTHING
""")
# Imported history counts as read, so the marks are at its end.
_ADD_MEMBERS = HotStatement("""
    INSERT INTO members (conversation_id, user_id, role, last_delivered_seq, last_read_seq)
    SELECT c, u, r, s, s FROM unnest(
        CAST(:conversations AS bigint[]), CAST(:users AS bigint[]), CAST(:roles AS text[]), CAST(:seqs AS bigint[])
    ) AS new (c, u, r, s)
    ON CONFLICT DO NOTHING
""")
# Users who wrote here but are not members become former members who left after their last message. So exports and
# deletions find their messages.
_ADD_FORMER = OneForm("""
    INSERT INTO members (conversation_id, user_id, last_delivered_seq, last_read_seq, left_seq, left_version)
    SELECT c, wrote.sender_id, wrote.seq, wrote.seq, wrote.seq, 0
    FROM unnest(CAST(:ids AS bigint[])) AS new (c)
    CROSS JOIN LATERAL (
        SELECT x.sender_id, max(x.seq) AS seq FROM messages AS x
        WHERE x.conversation_id = c AND x.sender_id > 0 GROUP BY x.sender_id
    ) AS wrote
    JOIN users AS u ON u.id = wrote.sender_id
    ON CONFLICT DO NOTHING
""")
_WRITTEN = HotStatement("""
    UPDATE import_conversations SET written = true
    WHERE import_id = :i AND conversation_id = ANY(CAST(:ids AS bigint[]))
""")
_OF_TAKEN = OneForm("""
    SELECT id FROM conversations WHERE external_id = :external_id
    UNION ALL SELECT id FROM conversations WHERE direct_low = :low AND direct_high = :high LIMIT 1
""")
_GIVE_BACK = HotStatement("""
    WITH gone AS (DELETE FROM messages WHERE conversation_id = :planned RETURNING *)
    INSERT INTO import_messages
        (import_id, conversation_id, id, live, line, sent_ms, sender_id, kind, body, reply_to, extra)
    SELECT CAST(:i AS uuid), :real, id, true, seq, CAST(date_part('epoch', sent_at) * 1000 AS bigint), sender_id, kind,
           body, reply_to, extra FROM gone
    ON CONFLICT DO NOTHING
""")


def users_after(conn: Connection, import_id: str, after: str, limit: int) -> list[NewUser]:
    return [NewUser(*row) for row in _USERS.rows(conn, i=import_id, after=after, limit=limit)]


def add_user(conn: Connection, user: NewUser, username: str, visible: str) -> bool:
    """Returns False if the user name is taken, or the external id."""
    fields = user.fields
    values = {
        "id": user.user_id,
        "external_id": user.external_id,
        "username": username,
        "display_name": fields["displayName"] or username,
        "avatar_url": fields["avatarUrl"],
        "email": fields["email"],
        "locale": fields["locale"],
        "metadata": fields["metadata"] and msgspec.json.encode(fields["metadata"]).decode(),
        "visible": visible,
    }
    return _ADD_USER.run(conn, **values) > 0


def move_messages(conn: Connection, import_id: str, at: Progress, limit: int) -> list[Moved]:
    """Writes the next messages of new conversations, by conversation and time."""
    place = {"conversation": at.conversation, "ms": at.ms, "line": at.line, "seq": at.seq}
    moved = msgspec.json.encode(at.moved).decode()
    return [Moved(*row) for row in _MOVE.rows(conn, i=import_id, **place, moved=moved, limit=limit)]


def sent_since(conn: Connection, parts: Sequence[Part], since_ms: int) -> list[SentMessage]:
    """Returns the messages that were sent after a time."""
    if not parts:
        return []
    c, after, upto = map(int_array, zip(*parts, strict=True))
    rows = _SENT_SINCE.rows(conn, conversations=c, after=after, upto=upto, since=since_ms)
    return [SentMessage(*row) for row in rows]


def new_conversations(conn: Connection, import_id: str, ids: Collection[int]) -> list[NewConversation]:
    return [NewConversation(*row) for row in _CONVERSATIONS.rows(conn, i=import_id, ids=int_array(ids))]


def unwritten(conn: Connection, import_id: str, after: int, limit: int) -> list[tuple[NewConversation, bool]]:
    """Returns conversations without messages, and those that only get an external id, each with whether it is new."""
    rows = _UNWRITTEN.rows(conn, i=import_id, after=after, limit=limit)
    return [(NewConversation(*row[:-1]), row[-1]) for row in rows]


def add_conversations(conn: Connection, new: Sequence[NewConversation], seqs: Sequence[int]) -> set[int]:
    """Writes conversations, which are complete up to these seqs, with their members. Returns those that were written.
    It leaves out a conversation if another one has got its external id or its pair of users since the check.
    """
    if not new:
        return set()
    rows = _add_timed(conn, new, seqs) if is_distributed(conn) else _ADD_CONVERSATIONS.rows(conn, **_columns(new, seqs))
    made = {id_ for (id_,) in rows}
    members = [
        (one.id, user, role, seq)
        for one, seq in zip(new, seqs, strict=True)
        if one.id in made
        for user, role in one.fields["members"]
    ]
    if members:
        c, users, roles, marks = zip(*members, strict=True)
        _ADD_MEMBERS.run(
            conn, conversations=int_array(c), users=int_array(users), roles=text_array(roles), seqs=int_array(marks)
        )
    if is_distributed(conn):
        _add_former(conn, made)
        note_members(conn, made)
    else:
        _ADD_FORMER.run(conn, ids=int_array(made))
    return made


def _columns(new: Sequence[NewConversation], seqs: Iterable[int]) -> dict[str, str]:
    ids, external, lows, highs, fields = zip(*new, strict=True)
    return {
        "ids": int_array(ids),
        "external": text_array(external),
        "lows": int_array(low or 0 for low in lows),
        "highs": int_array(high or 0 for high in highs),
        "fields": json_array(fields),
        "seqs": int_array(seqs),
    }


def _add_timed(conn: Connection, new: Sequence[NewConversation], seqs: Sequence[int]) -> list[tuple[Any, ...]]:
    free = [(one, seq) for one, seq in zip(new, seqs, strict=True) if _take_keys(conn, one)]
    if not free:
        return []
    values = _columns([one for one, _ in free], (seq for _, seq in free))
    times = {(c, seq): str(at) for c, seq, at in _TIMES.rows(conn, **values)}
    first = text_array(times.get((one.id, 1)) for one, _ in free)
    last = text_array(times.get((one.id, seq)) for one, seq in free)
    return _ADD_TIMED.rows(conn, **values, first=first, last=last)


def _take_keys(conn: Connection, one: NewConversation) -> bool:
    if one.external_id is not None and not take_external(conn, {one.external_id: one.id}):
        return False
    if one.low is None or one.high is None or take_pairs(conn, {(one.low, one.high): one.id}):
        return True
    give_up_external(conn, one.id)
    return False


def _add_former(conn: Connection, ids: Collection[int]) -> None:
    wrote = _WROTE.rows(conn, ids=int_array(ids)) if ids else []
    known = set(known_users(conn, {user for _, user, _ in wrote})) if wrote else set()
    if former := [row for row in wrote if row[1] in known]:
        c, users, seqs = (int_array(column) for column in zip(*former, strict=True))
        _ADD_FORMER_OF.run(conn, conversations=c, users=users, seqs=seqs)


def mark_written(conn: Connection, import_id: str, ids: Collection[int]) -> None:
    _WRITTEN.run(conn, i=import_id, ids=int_array(ids))


def give_back(conn: Connection, import_id: str, planned: NewConversation) -> bool:
    """Plans the messages again for the conversation that exists in place of the planned one. Returns False if that
    one is gone.
    """
    pair = {"low": planned.low, "high": planned.high}
    if is_distributed(conn):
        real = _holder(conn, planned)
    else:
        row = _OF_TAKEN.row(conn, external_id=planned.external_id, **pair)
        real = None if row is None else row[0]
    if real is not None:
        _GIVE_BACK.run(conn, i=import_id, planned=planned.id, real=real)
    return real is not None


def _holder(conn: Connection, planned: NewConversation) -> int | None:
    names = of_external(conn, [planned.external_id]) if planned.external_id else {}
    pairs = of_pairs(conn, [(planned.low or 0, planned.high or 0)])
    return next(iter([*names.values(), *pairs.values()]), None)
