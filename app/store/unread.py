"""Unread messages of members, and their number. Every query walks an index, however long the conversation is.

Postgres evaluates ``seq > mark AND sender_id <> user`` in the primary key's index, which includes the sender. Messages
that do not count as unread (deleted, or hidden from the user) are counted separately and subtracted. Few users have
any, so the others do not pay for them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from app.core.answer_size import ANSWER_BYTES
from app.core.part import WHOLE, Part
from app.store.distribution import UserStatement, conversations_of
from app.store.layout import is_distributed, routed
from app.store.messages import Page, StoredMessage, bytes_before, columns, first_page, not_hidden
from app.store.pg_arrays import int_array
from app.store.sql import HotStatement, OneForm, structs

# The maximum of an unread count, and of the index entries that it reads.
COUNT_CAP = 10_000

IS_MEMBER = "m.left_seq IS NULL"
# Includes direct conversations whose admission is in the log and not yet in Postgres.
IS_MEMBER_OR_ADMITTED = (
    "(m.left_seq IS NULL OR m.left_seq = 0 AND m.conversation_id = ANY(CAST(:admitted AS bigint[])))"
)
# The state of a member's conversation. It ends when the member reads on.
IS_MARKED_UNREAD = "coalesce(marked_unread_seq >= greatest(last_read_seq, own_read_seq), false)"


class UnreadRequest(NamedTuple):
    """Requests a user's unread messages in one conversation, or (None) in all."""

    user_id: int
    conversation_id: int | None
    limit: int


def read_by(member: str) -> str:
    """Returns SQL for the seq up to which the member of this alias has read, as they see it themselves."""
    return f"greatest({member}.last_read_seq, {member}.own_read_seq)"


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


_COUNTS = UserStatement(f"""
    SELECT user_id, conversation_id, n FROM (
        SELECT m.user_id, m.conversation_id, {unread_count("m")} AS n
        FROM unnest(CAST(:users AS bigint[])) AS wanted (u) JOIN members AS m ON m.user_id = u AND m.left_seq IS NULL
            AND of_part(m.conversation_id)
        OFFSET 0  -- without it, Postgres counts once for the condition and once for the result
    ) AS counted WHERE n > 0
""")


def _unread(member: str) -> OneForm:
    return OneForm(f"""
    SELECT n, {columns("found")}
    FROM unnest(CAST(:users AS bigint[]), CAST(:conversations AS bigint[]), CAST(:limits AS bigint[]))
         WITH ORDINALITY AS wanted (u, c, up_to, n)
    CROSS JOIN LATERAL (
        SELECT * FROM (
        SELECT oldest.*, {bytes_before("oldest", "created_version")} AS bytes_before FROM (
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


def _unread_of_one(member: str) -> HotStatement:
    """Returns the statement for one request: Citus has no windows within a LATERAL."""
    return HotStatement(
        routed(
            f"""
    SELECT {columns("found")} FROM (
        SELECT oldest.*, {bytes_before("oldest", "created_version")} AS bytes_before FROM (
        SELECT unread.* FROM members AS m
        CROSS JOIN LATERAL (
            SELECT * FROM messages AS x
            WHERE x.conversation_id = m.conversation_id AND x.seq > greatest({read_by("m")}, m.visible_from)
              AND x.sender_id <> m.user_id AND x.deleted_at IS NULL AND {not_hidden("x", "m.user_id")}
            ORDER BY x.seq LIMIT :limit
        ) AS unread
        WHERE m.user_id = :user_id AND {member}
        ORDER BY unread.created_version LIMIT :limit
        ) AS oldest
    ) AS found WHERE bytes_before <= :max_bytes ORDER BY found.created_version
    """,
            "within",
        )
    )


_UNREAD = _unread(IS_MEMBER)
_UNREAD_OF_ONE, _UNREAD_ADMITTED_OF_ONE = _unread_of_one(IS_MEMBER), _unread_of_one(IS_MEMBER_OR_ADMITTED)
_UNREAD_ADMITTED = _unread(IS_MEMBER_OR_ADMITTED)


def unread_counts(
    conn: Connection, user_ids: Sequence[int], part: Part = WHOLE, among: Collection[int] | None = None
) -> list[tuple[int, int, int]]:
    """Returns ``(user_id, conversation_id, count)`` for conversations of this part with unread messages. If
    conversations are distributed, ``among`` may limit them.

    The count is exact up to ``COUNT_CAP`` messages beyond the read mark. If there are more, it covers the newest
    ``COUNT_CAP``.
    """
    if among is None:
        rows = _COUNTS.rows(conn, user_ids, part, users=int_array(user_ids))
    else:
        rows = _COUNTS.distributed.rows(conn, part, users=int_array(user_ids), within=int_array(among))
    return [(user, conversation, count) for user, conversation, count in rows]


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
    if is_distributed(conn):
        return [_unread_messages_of(conn, request, max_bytes, admitted) for request in requests]
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
    return [first_page(rows, r.limit, max_bytes) for r, rows in zip(requests, found, strict=True)]


def _unread_messages_of(conn: Connection, request: UnreadRequest, max_bytes: int, admitted: Collection[int]) -> Page:
    one = request.conversation_id
    values = {
        "user_id": request.user_id,
        "limit": request.limit + 1,
        "max_bytes": max_bytes,
        "within": conversations_of(conn, [request.user_id]) if one is None else int_array([one]),
    }
    if admitted:
        rows = _UNREAD_ADMITTED_OF_ONE.rows(conn, **values, admitted=int_array(admitted))
    else:
        rows = _UNREAD_OF_ONE.rows(conn, **values)
    return first_page(structs(StoredMessage, rows), request.limit, max_bytes)
