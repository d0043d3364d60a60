"""Messages by position, by id, and by version. Every query walks an index, however long the conversation is.

A member sees the messages above ``visible_from`` that are not hidden from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.json import encode
from sqlalchemy import Connection

from app.core.answer_size import ANSWER_BYTES, count_within
from app.core.part import WHOLE, Part
from app.store.distribution import ListStatement, UserStatement
from app.store.noted_changes import EVERYTHING, among
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of, structs


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
        """The size of the text and the fields that the sender wrote."""
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


def not_hidden(m: str, user: str) -> str:
    """Returns SQL for the condition that the message of alias ``m`` is not hidden from ``user``."""
    return (
        f"NOT ({m}.shadow AND {m}.sender_id <> {user}) AND NOT EXISTS (SELECT FROM hidden_messages AS h"
        f" WHERE h.user_id = {user} AND h.conversation_id = {m}.conversation_id AND h.seq = {m}.seq)"
    )


def bytes_before(rows: str, order: str) -> str:
    """Returns SQL for the bytes of text in the rows before a row. A page ends as soon as they fill an answer, so that
    reading it takes a bounded amount of memory.
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
_EXISTING = ListStatement(
    f"""
    SELECT n, m.seq, m.version, m.sender_id, {ms_of("m.sent_at")}
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:ids AS uuid[])) WITH ORDINALITY AS wanted (c, i, n)
    JOIN messages AS m ON m.id = i AND m.conversation_id = c
""",
    "conversations",
)
_BY_ID = HotStatement(f"""
    SELECT {columns("m")} FROM unnest(CAST(:ids AS uuid[])) AS wanted (i)
    JOIN messages AS m ON m.id = i AND m.conversation_id = :conversation_id ORDER BY m.seq
""")
# A former member gets the changes that they would have received while they were a member.
_CHANGED = ListStatement(
    f"""
    SELECT {columns("sized")} FROM (
    SELECT first.*, {bytes_before("first", "version")} AS bytes_before FROM (
    SELECT changed.*
    FROM unnest(CAST(:conversations AS bigint[])) AS wanted (id)
    JOIN members AS m ON m.conversation_id = wanted.id AND m.user_id = :user_id
    CROSS JOIN LATERAL (
        SELECT * FROM messages AS x
        WHERE x.conversation_id = m.conversation_id AND x.version > :version AND x.version >= m.joined_version
          AND x.version <= coalesce(m.left_version, {2**63 - 1}) AND x.seq <= coalesce(m.left_seq, {2**63 - 1})
          AND x.seq > m.visible_from AND {not_hidden("x", "m.user_id")}
        ORDER BY x.version LIMIT :limit
    ) AS changed
    WHERE m.left_version IS NULL OR m.left_version > :version
    ORDER BY changed.version LIMIT :limit
    ) AS first
    ) AS sized WHERE bytes_before <= {ANSWER_BYTES} ORDER BY version
""",
    "conversations",
)
_AT_VERSIONS = ListStatement(
    f"""
    SELECT {columns("sized")} FROM (
    SELECT x.*, {bytes_before("x", "version")} AS bytes_before
    FROM unnest(CAST(:conversations AS bigint[]), CAST(:versions AS bigint[])) AS wanted (c, v)
    JOIN messages AS x ON x.conversation_id = c AND x.version = v
    WHERE {not_hidden("x", ":user_id")}
    ) AS sized WHERE bytes_before <= {ANSWER_BYTES} ORDER BY version
""",
    "conversations",
)
# A message that was hidden when it was sent was never shown, so its hiding is no change.
_HIDDEN = UserStatement("""
    SELECT h.conversation_id, h.seq, CAST(x.id AS text), h.version
    FROM hidden_messages AS h
    JOIN members AS m ON m.conversation_id = h.conversation_id AND m.user_id = h.user_id AND m.left_seq IS NULL
    JOIN messages AS x ON x.conversation_id = h.conversation_id AND x.seq = h.seq AND x.created_version <> h.version
    WHERE h.user_id = :user_id AND h.version > :version AND h.version <= :upto AND of_part(h.conversation_id)
    ORDER BY h.version
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


def changed_since(
    conn: Connection, user_id: int, version: int, limit: int, conversations: Sequence[int] | None = None
) -> Page:
    """Returns messages of the user's conversations that were sent or changed after ``version``, in the order of
    versions, while the user was a member. Hidden messages are missing (``hidden_since``).

    ``conversations`` are those that changed after ``version``, if the caller has them.
    """
    values = {"conversations": among(conn, user_id, version, conversations), "version": version}
    return first_page(_rows(conn, _CHANGED, user_id=user_id, **values, limit=limit + 1), limit, ANSWER_BYTES)


def at_versions(conn: Connection, user_id: int, keys: Sequence[tuple[int, int]]) -> Page:
    """Returns the messages whose present (conversation, version) is among the keys, in the order of versions, without
    hidden ones. Does not check membership. Their texts together fill at most one answer.
    """
    conversations, versions = int_array(c for c, _ in keys), int_array(v for _, v in keys)
    rows = _rows(conn, _AT_VERSIONS, user_id=user_id, conversations=conversations, versions=versions)
    return first_page(rows, len(keys), ANSWER_BYTES)


def first_page(rows: list[StoredMessage], limit: int, max_bytes: int) -> Page:
    """Returns the first rows: at most ``limit``, and at most ``max_bytes`` of text and metadata (or one row)."""
    count = count_within((row.bytes for row in rows[:limit]), max_bytes)
    return Page(rows[:count], len(rows) > count)


def hidden_since(
    conn: Connection, user_id: int, version: int, upto: int = EVERYTHING, part: Part = WHOLE
) -> list[tuple[int, int, str, int]]:
    """Returns ``(conversation_id, seq, id, version)`` of messages of this part that the user hid after ``version`` and
    up to ``upto``, in order.
    """
    rows = _HIDDEN.rows(conn, [user_id], part, user_id=user_id, version=version, upto=upto)
    return [(c, seq, id_, at) for c, seq, id_, at in rows]


def _rows(conn: Connection, statement: HotStatement | ListStatement, **values: Any) -> list[StoredMessage]:
    return structs(StoredMessage, statement.rows(conn, **values))
