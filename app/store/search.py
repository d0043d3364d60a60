"""Look-ups in the search index. Only the members' rows decide who may see a message.

The index has the terms of a message and, as further lexemes, its conversation, its sender and its kinds of content, in
buckets of messages that follow each other in time (app/core/search_lexemes.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from app.core.search_lexemes import in_bucket
from app.store.distribution import UserStatement
from app.store.layout import is_distributed
from app.store.messages import StoredMessage, columns, not_hidden
from app.store.pg_arrays import int_array, text_array
from app.store.sql import OneForm


class Position(NamedTuple):
    """The place of a message in the order of results, from new to old. ``bucket`` is UNINDEXED for messages that are
    not in the index yet.
    """

    bucket: int
    version: int
    conversation_id: int
    seq: int


class Candidate(NamedTuple):
    """``visible``: the message exists for the viewer."""

    position: Position
    message: StoredMessage
    visible: bool


UNINDEXED = 2**31 - 1
BEFORE_ALL = Position(UNINDEXED, 2**62, 2**62, 2**62)
# If the indexer is far behind, a search reads only some of the messages that are not indexed yet: the viewer's newest
# MAX_CHANGED among the newest SCANNED of the whole deployment.
MAX_CHANGED, SCANNED = 500, 5000

_MINE = UserStatement("""
    SELECT conversation_id FROM members
    WHERE user_id = :user_id AND left_seq IS NULL AND (CAST(:only AS bigint) = 0 OR conversation_id = :only)
    LIMIT :limit
""")
_IS_MEMBER = "m.user_id = :user_id AND m.left_seq IS NULL"
_VISIBLE = f"(x.deleted_at IS NULL AND x.kind <> 'system' AND {not_hidden('x', ':user_id')})"
# OFFSET 0 makes Postgres find the inner rows by the index on terms, regardless of its estimates of the members. A row
# of messages is read only for the first matches of each bucket.
_CANDIDATES = OneForm(f"""
    SELECT b.n, hit.version, {_VISIBLE}, {columns("x")}
    FROM unnest(
        CAST(:queries AS text[]), CAST(:versions AS bigint[]), CAST(:conversations AS bigint[]),
        CAST(:seqs AS bigint[])
    ) WITH ORDINALITY AS b (query, version, conversation_id, seq, n)
    CROSS JOIN LATERAL (
        SELECT t.conversation_id, t.seq, t.version FROM (
            SELECT * FROM message_terms AS found WHERE found.terms @@ CAST(b.query AS tsquery)
              AND (found.version, found.conversation_id, found.seq) < (b.version, b.conversation_id, b.seq)
            OFFSET 0
        ) AS t
        JOIN members AS m ON m.conversation_id = t.conversation_id AND {_IS_MEMBER} AND t.seq > m.visible_from
        ORDER BY t.version DESC, t.conversation_id DESC, t.seq DESC LIMIT :take
    ) AS hit
    JOIN messages AS x ON x.conversation_id = hit.conversation_id AND x.seq = hit.seq
    ORDER BY b.n, hit.version DESC, hit.conversation_id DESC, hit.seq DESC
""")
_CHANGED = OneForm(f"""
    SELECT CASE WHEN x.first > :after THEN {UNINDEXED} ELSE t.bucket END, x.first, {_VISIBLE}, {columns("x")}
    FROM (
        SELECT recent.*, coalesce(nullif(recent.created_version, 0), recent.version) AS first
        FROM (SELECT * FROM messages WHERE version > :after ORDER BY version DESC LIMIT {SCANNED}) AS recent
        JOIN members AS m ON m.conversation_id = recent.conversation_id AND {_IS_MEMBER} AND recent.seq > m.visible_from
        WHERE CAST(:only AS bigint) = 0 OR recent.conversation_id = :only
        ORDER BY recent.version DESC LIMIT :limit
    ) AS x
    LEFT JOIN message_terms AS t ON t.conversation_id = x.conversation_id AND t.seq = x.seq
    WHERE x.first > :after OR t.bucket IS NOT NULL
""")


# For distributed conversations: in one bucket, and only among the viewer's own messages.
_IN_BUCKET = UserStatement(f"""
    SELECT t.version, {_VISIBLE}, {columns("x")} FROM message_terms AS t
    JOIN members AS m ON m.conversation_id = t.conversation_id AND {_IS_MEMBER} AND t.seq > m.visible_from
    JOIN messages AS x ON x.conversation_id = t.conversation_id AND x.seq = t.seq
    WHERE t.terms @@ CAST(:query AS tsquery) AND (t.version, t.conversation_id, t.seq) < (:version, :before, :seq)
    ORDER BY t.version DESC, t.conversation_id DESC, t.seq DESC LIMIT :take
""")
_FIRST = "coalesce(nullif(x.created_version, 0), x.version)"
_CHANGED_OWN = UserStatement(f"""
    SELECT CASE WHEN {_FIRST} > :after THEN {UNINDEXED} ELSE t.bucket END, {_FIRST}, {_VISIBLE}, {columns("x")}
    FROM messages AS x
    JOIN members AS m ON m.conversation_id = x.conversation_id AND {_IS_MEMBER} AND x.seq > m.visible_from
    LEFT JOIN message_terms AS t ON t.conversation_id = x.conversation_id AND t.seq = x.seq
    WHERE x.version > :after AND (CAST(:only AS bigint) = 0 OR x.conversation_id = :only)
      AND ({_FIRST} > :after OR t.bucket IS NOT NULL)
    ORDER BY x.version DESC LIMIT :limit
""")


def searched_conversations(conn: Connection, user_id: int, only: int | None = None, limit: int = 1) -> list[int]:
    """Returns some of the conversations of which the user is a member. With ``only``, returns at most that one."""
    return [row[0] for row in _MINE.rows(conn, [user_id], user_id=user_id, only=only or 0, limit=limit)]


def find_in_buckets(
    conn: Connection, user_id: int, tsquery: str, buckets: Sequence[int], *, bounds: Sequence[Position], take: int
) -> list[Candidate]:
    """Returns messages with the terms of a query (search_lexemes.tsquery_of): of each bucket, the ``take`` newest that
    are older than its bound, in the order of the buckets.
    """
    if is_distributed(conn):
        found = zip(buckets, bounds, strict=True)
        return [one for bucket, bound in found for one in _find_in(conn, user_id, tsquery, bucket, bound, take)]
    rows = _CANDIDATES.rows(
        conn,
        user_id=user_id,
        queries=text_array(in_bucket(tsquery, bucket) for bucket in buckets),
        versions=int_array(bound.version for bound in bounds),
        conversations=int_array(bound.conversation_id for bound in bounds),
        seqs=int_array(bound.seq for bound in bounds),
        take=take,
    )
    return [_candidate(buckets[n - 1], version, visible, row) for n, version, visible, *row in rows]


def _find_in(conn: Connection, user_id: int, tsquery: str, bucket: int, bound: Position, take: int) -> list[Candidate]:
    place: dict[str, Any] = {"version": bound.version, "before": bound.conversation_id, "seq": bound.seq}
    query = in_bucket(tsquery, bucket)
    rows = _IN_BUCKET.rows(conn, [user_id], user_id=user_id, query=query, **place, take=take)
    return [_candidate(bucket, version, visible, row) for version, visible, *row in rows]


def find_changed(conn: Connection, user_id: int, after: int, only: int | None) -> list[Candidate]:
    """Returns the viewer's newest messages that were sent or changed after the version ``after``, from new to old."""
    values: dict[str, Any] = {"user_id": user_id, "after": after, "only": only or 0, "limit": MAX_CHANGED}
    rows = _CHANGED_OWN.rows(conn, [user_id], **values) if is_distributed(conn) else _CHANGED.rows(conn, **values)
    found = [_candidate(bucket, version, visible, row) for bucket, version, visible, *row in rows]
    return sorted(found, key=lambda one: one.position, reverse=True)


def _candidate(bucket: int, version: int, visible: bool, row: Sequence[object]) -> Candidate:
    message = StoredMessage(*row)  # type: ignore[arg-type]
    return Candidate(Position(bucket, version, *message.place), message, visible)
