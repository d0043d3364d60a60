"""Messages by position, by id, and by version. Every query walks an index, however long the conversation is.

Postgres evaluates ``seq > mark AND sender_id <> user`` in the primary key's index, which includes the sender. Messages
that do not count as unread (deleted, or hidden from the user) are counted separately and subtracted. Few users have
any, so the others do not pay for them.

A member sees the messages above ``visible_from`` that are not hidden from them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.json import encode
from sqlalchemy import Connection

from app.core.answer_size import ANSWER_BYTES, count_within
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of, structs

# The maximum of an unread count, and of the index entries that it reads.
COUNT_CAP = 10_000


IS_MEMBER = "m.left_seq IS NULL"
# Includes direct conversations whose admission is in the log and not yet in Postgres.
IS_MEMBER_OR_ADMITTED = (
    "(m.left_seq IS NULL OR m.left_seq = 0 AND m.conversation_id = ANY(CAST(:admitted AS bigint[])))"
)
# The state of a member's conversation. It ends when the member reads on.
IS_MARKED_UNREAD = "coalesce(marked_unread_seq >= greatest(last_read_seq, own_read_seq), false)"


class StoredMessage(Struct, frozen=True):
    """A row of ``messages``. ``attachments`` and ``extra`` are decoded JSON; times are ms since 1970. Only its sender
    sees a ``shadow`` message.
    """

    conversation_id: int
    seq: int
    id: str
    sender_id: int
    kind: str
    body: str | None
    attachments: list[dict[str, Any]] | None
    reply_to: str | None
    version: int
    sent_ms: int
    edited_ms: int | None
    deleted_ms: int | None
    created_version: int = 0
    mentions: list[int] | None = None
    mentions_all: bool = False
    extra: dict[str, Any] | None = None
    pinned_ms: int | None = None
    shadow: bool = False

    @property
    def place(self) -> tuple[int, int]:
        return self.conversation_id, self.seq

    @property
    def bytes(self) -> int:
        """The size of what the sender wrote."""
        text = len((self.body or "").encode())
        return text + len(encode(self.extra)) if self.extra else text


class Page(Struct, frozen=True):
    """Messages in ascending order of seq or version. ``has_more``: there are more in the direction of the query."""

    messages: list[StoredMessage]
    has_more: bool


class ExistingMessage(Struct, frozen=True):
    seq: int
    version: int
    sender_id: int
    sent_ms: int


class UnreadRequest(NamedTuple):
    """Requests a user's unread messages in one conversation, or (None) in all."""

    user_id: int
    conversation_id: int | None
    limit: int


def columns(m: str) -> str:
    """Returns SQL for the fields of StoredMessage from the alias ``m``."""
    return (
        f"{m}.conversation_id, {m}.seq, CAST({m}.id AS text), {m}.sender_id, {m}.kind, {m}.body,"
        f" {m}.attachments, CAST({m}.reply_to AS text), {m}.version,"
        f" {ms_of(m + '.sent_at')}, {ms_of(m + '.edited_at')}, {ms_of(m + '.deleted_at')},"
        # 0 if a drain of the previous release stored the message; it had only one version then.
        f" coalesce(nullif({m}.created_version, 0), {m}.version), {m}.mentions, {m}.mentions_all, {m}.extra,"
        f" {ms_of(m + '.pinned_at')}, {m}.shadow"
    )


def read_by(member: str) -> str:
    """Returns SQL for the seq up to which the member of this alias has read, as they see it themselves."""
    return f"greatest({member}.last_read_seq, {member}.own_read_seq)"


def not_hidden(m: str, user: str) -> str:
    """Returns SQL for the condition that the message of alias ``m`` is not hidden from ``user``."""
    return (
        f"NOT ({m}.shadow AND {m}.sender_id <> {user}) AND NOT EXISTS (SELECT FROM hidden_messages AS h"
        f" WHERE h.user_id = {user} AND h.conversation_id = {m}.conversation_id AND h.seq = {m}.seq)"
    )


def unread_count(member: str, read: str = "") -> str:
    """Returns SQL for the number of unread messages of the alias ``member``.

    Considers the newest ``COUNT_CAP`` messages beyond the member's read mark (or beyond ``read``). Counts those by
    others that are neither deleted nor hidden from the member (a shadow message has no row that hides it).
    """
    m = member
    return f"""(
        SELECT count(*) - (
            SELECT count(*) FROM messages AS d
            WHERE d.conversation_id = {m}.conversation_id AND d.seq >= min(newest.seq)
              AND d.deleted_at IS NOT NULL AND d.sender_id <> {m}.user_id
        ) - (
            SELECT count(*) FROM messages AS s
            WHERE s.conversation_id = {m}.conversation_id AND s.seq >= min(newest.seq)
              AND s.shadow AND s.deleted_at IS NULL AND s.sender_id <> {m}.user_id
        ) - (
            SELECT count(*) FROM hidden_messages AS h
            JOIN messages AS y ON y.conversation_id = h.conversation_id AND y.seq = h.seq
            WHERE h.user_id = {m}.user_id AND h.conversation_id = {m}.conversation_id AND h.seq >= min(newest.seq)
              AND y.deleted_at IS NULL AND y.sender_id <> {m}.user_id
        ) FROM (
            SELECT x.seq, x.sender_id FROM messages AS x
            WHERE x.conversation_id = {m}.conversation_id
              AND x.seq > greatest({read or read_by(m)}, {m}.visible_from)
            ORDER BY x.seq DESC LIMIT {COUNT_CAP}
        ) AS newest WHERE sender_id <> {m}.user_id)"""


def _bytes_before(rows: str, order: str) -> str:
    """Returns SQL for the bytes of text in the rows before one. A page ends as soon as they fill an answer, so
    that reading it takes a bounded amount of memory.
    """
    preceding = f"(ORDER BY {rows}.{order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    return f"coalesce(sum(octet_length({rows}.body)) OVER {preceding}, 0)"


def _history(range_: str, order: str) -> HotStatement:
    return HotStatement(f"""
        SELECT {columns("m")} FROM messages AS m
        WHERE m.conversation_id = :conversation_id AND {range_} AND m.seq > (
            SELECT visible_from FROM members
            WHERE conversation_id = :conversation_id AND user_id = :user_id AND left_seq IS NULL
        ) AND {not_hidden("m", ":user_id")} ORDER BY {order} LIMIT :limit
    """)


_BEFORE = _history("m.seq < :before", "m.seq DESC")
_AFTER = _history("m.seq > :after", "m.seq")
_RANGE = HotStatement(f"""
    SELECT {columns("m")} FROM messages AS m
    WHERE m.conversation_id = :conversation_id AND m.seq >= :first_seq AND m.seq <= :last_seq
      AND {not_hidden("m", ":user_id")} ORDER BY m.seq LIMIT :limit
""")
_EXISTING = HotStatement(f"""
    SELECT n, m.seq, m.version, m.sender_id, {ms_of("m.sent_at")}
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (c, i, n)
    JOIN messages AS m ON m.id = i AND m.conversation_id = c
""")
_BY_ID = HotStatement(f"""
    SELECT {columns("m")} FROM unnest(CAST(:ids AS uuid[])) AS wanted (i)
    JOIN messages AS m ON m.id = i AND m.conversation_id = :conversation_id ORDER BY m.seq
""")
_COUNTS = HotStatement(f"""
    SELECT user_id, conversation_id, n FROM (
        SELECT m.user_id, m.conversation_id, {unread_count("m")} AS n
        FROM unnest(CAST(:users AS bigint[])) AS wanted (u) JOIN members AS m ON m.user_id = u AND m.left_seq IS NULL
        OFFSET 0  -- without it, Postgres counts once for the condition and once for the result
    ) AS counted WHERE n > 0
""")


def _unread(member: str) -> HotStatement:
    return HotStatement(f"""
    SELECT n, {columns("found")}
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:limits AS bigint[]))
         WITH ORDINALITY AS wanted (u, c, up_to, n)
    CROSS JOIN LATERAL (
        SELECT * FROM (
        SELECT oldest.*, {_bytes_before("oldest", "created_version")} AS bytes_before FROM (
        SELECT unread.* FROM members AS m
        CROSS JOIN LATERAL (
            SELECT * FROM messages AS x
            WHERE x.conversation_id = m.conversation_id AND x.seq > greatest({read_by("m")}, m.visible_from)
              AND x.sender_id <> m.user_id AND x.deleted_at IS NULL AND {not_hidden("x", "m.user_id")}
            ORDER BY x.seq LIMIT up_to + 1
        ) AS unread
        WHERE m.user_id = u AND {member} AND (c = 0 OR m.conversation_id = c)
        ORDER BY unread.created_version LIMIT up_to + 1
        ) AS oldest
        ) AS sized WHERE bytes_before <= :max_bytes
    ) AS found
    ORDER BY n, found.created_version
""")


_UNREAD = _unread(IS_MEMBER)
_UNREAD_ADMITTED = _unread(IS_MEMBER_OR_ADMITTED)
# A former member gets the changes that they would have received while they were a member.
_CHANGED = HotStatement(f"""
    SELECT {columns("sized")} FROM (
    SELECT first.*, {_bytes_before("first", "version")} AS bytes_before FROM (
    SELECT changed.*
    FROM members AS m
    JOIN conversations AS c ON c.id = m.conversation_id AND c.version > :version
    CROSS JOIN LATERAL (
        SELECT * FROM messages AS x
        WHERE x.conversation_id = c.id AND x.version > :version AND x.version >= m.joined_version
          AND x.version <= coalesce(m.left_version, {2**63 - 1}) AND x.seq <= coalesce(m.left_seq, {2**63 - 1})
          AND x.seq > m.visible_from AND {not_hidden("x", "m.user_id")}
        ORDER BY x.version LIMIT :limit
    ) AS changed
    WHERE m.user_id = :user_id AND (m.left_version IS NULL OR m.left_version > :version)
    ORDER BY changed.version LIMIT :limit
    ) AS first
    ) AS sized WHERE bytes_before <= {ANSWER_BYTES} ORDER BY version
""")
# A message that was hidden when it was sent was never shown, so its hiding is no change.
_HIDDEN = HotStatement("""
    SELECT h.conversation_id, h.seq, CAST(x.id AS text), h.version
    FROM hidden_messages AS h
    JOIN members AS m ON m.conversation_id = h.conversation_id AND m.user_id = h.user_id AND m.left_seq IS NULL
    JOIN messages AS x ON x.conversation_id = h.conversation_id AND x.seq = h.seq AND x.created_version <> h.version
    WHERE h.user_id = :user_id AND h.version > :version ORDER BY h.version
""")


def history(
    conn: Connection,
    conversation_id: int,
    *,
    user_id: int,
    before: int | None = None,
    after: int | None = None,
    limit: int = 50,
) -> Page:
    """Returns a page of the messages that the user sees as a member, in ascending order of seq.

    The page has the last messages before ``before`` (default: the newest), or the first ones after ``after``. It is
    empty if the user is not a member.
    """
    place = {"conversation_id": conversation_id, "user_id": user_id, "limit": limit + 1}
    if after is not None:
        rows = _rows(conn, _AFTER, **place, after=after)
        return Page(rows[:limit], len(rows) > limit)
    rows = _rows(conn, _BEFORE, **place, before=before or 2**63 - 1)
    return Page(rows[:limit][::-1], len(rows) > limit)


def read_range(
    conn: Connection, conversation_id: int, first_seq: int, last_seq: int, *, user_id: int, limit: int
) -> list[StoredMessage]:
    """Returns the first ``limit`` messages from ``first_seq`` to ``last_seq`` that are not hidden from the user.

    Does not check membership.
    """
    place = {"conversation_id": conversation_id, "user_id": user_id, "limit": limit}
    return _rows(conn, _RANGE, **place, first_seq=first_seq, last_seq=last_seq)


def find_by_id(conn: Connection, conversation_id: int, ids: Sequence[str]) -> list[StoredMessage]:
    """Returns the messages of the conversation with these ids, by seq. Does not check who sees them."""
    return _rows(conn, _BY_ID, conversation_id=conversation_id, ids=text_array(ids))


def find_existing(conn: Connection, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], ExistingMessage]:
    """Returns the stored messages among the ``(conversation_id, id)``, with the keys of ``wanted``."""
    values = {"conversations": int_array(c for c, _ in wanted), "ids": text_array(i for _, i in wanted)}
    return {wanted[n - 1]: ExistingMessage(*row) for n, *row in _EXISTING.rows(conn, **values)}


def unread_counts(conn: Connection, user_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """Returns ``(user_id, conversation_id, count)`` for conversations with unread messages.

    The count is exact up to ``COUNT_CAP`` messages beyond the read mark. If there are more, it covers the newest
    ``COUNT_CAP``.
    """
    return [(user, conversation, count) for user, conversation, count in _COUNTS.rows(conn, users=int_array(user_ids))]


def unread_messages(
    conn: Connection,
    requests: Sequence[UnreadRequest],
    *,
    max_bytes: int = ANSWER_BYTES,
    admitted: Collection[int] = (),
) -> list[Page]:
    """Returns the oldest unread messages for each request, in the order in which they were sent, with at most
    ``max_bytes`` of text for each. ``admitted`` are conversations whose admission is not stored yet.
    """
    values = {
        "users": int_array(r.user_id for r in requests),
        "conversations": int_array(r.conversation_id or 0 for r in requests),
        "limits": int_array(r.limit for r in requests),
        "max_bytes": max_bytes,
    }
    found: list[list[StoredMessage]] = [[] for _ in requests]
    rows = (
        _UNREAD_ADMITTED.rows(conn, **values, admitted=int_array(admitted))
        if admitted
        else _UNREAD.rows(conn, **values)
    )
    for n, *row in rows:
        found[n - 1].append(StoredMessage(*row))
    return [_page(rows, r.limit, max_bytes) for r, rows in zip(requests, found, strict=True)]


def changed_since(conn: Connection, user_id: int, version: int, limit: int) -> Page:
    """Returns messages of the user's conversations that were sent or changed after ``version``, in the order of
    versions, while the user was a member. Hidden messages are missing (``hidden_since``).
    """
    return _page(_rows(conn, _CHANGED, user_id=user_id, version=version, limit=limit + 1), limit, ANSWER_BYTES)


def _page(rows: list[StoredMessage], limit: int, max_bytes: int) -> Page:
    """Returns the first rows: at most ``limit``, and at most ``max_bytes`` of text and metadata (or one row)."""
    count = count_within((row.bytes for row in rows[:limit]), max_bytes)
    return Page(rows[:count], len(rows) > count)


def hidden_since(conn: Connection, user_id: int, version: int) -> list[tuple[int, int, str, int]]:
    """Returns ``(conversation_id, seq, id, version)`` of messages that the user hid after ``version``, in order."""
    return [(c, seq, id_, at) for c, seq, id_, at in _HIDDEN.rows(conn, user_id=user_id, version=version)]


def _rows(conn: Connection, statement: HotStatement, **values: Any) -> list[StoredMessage]:
    return structs(StoredMessage, statement.rows(conn, **values))
