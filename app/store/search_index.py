"""Writes the search index, outside of the transactions that store messages.

One indexer at a time works: it holds the lock on the only row of ``search_state``. A batch and its progress are written
in one transaction, so nothing is skipped, and a repeated batch changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, update

from app.store.models import SearchState
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement, ms_of, structs

# A look-up reads at most this many entries of a word. Smaller buckets make a frequent word cheaper and a rare one more
# expensive (docs/decisions/search.md).
BUCKET_MESSAGES = 4096
BEHIND_CAP = 100_000  # messages that are counted as not indexed yet
_SEPARATOR = "\x1f"  # in no lexeme


class Progress(NamedTuple):
    """The row of ``search_state``."""

    indexed_version: int
    backfill_version: int | None
    analyser: int
    named_user_id: int = 0
    backfill_floor: int = 0


class ChangedMessage(NamedTuple):
    """``version`` is the last one, ``created_version`` the first. ``bucket`` is None if the message is not indexed.
    ``gone``: it was deleted, or is not one that a search finds.
    """

    conversation_id: int
    seq: int
    version: int
    created_version: int
    sent_ms: int
    sender_id: int
    body: str
    attachments: list[dict[str, Any]] | None
    gone: bool
    bucket: int | None


class IndexedMessage(NamedTuple):
    conversation_id: int
    seq: int
    bucket: int
    version: int
    lexemes: list[str]


class Bucket(NamedTuple):
    bucket: int
    messages: int
    first_version: int
    first_ms: int
    last_ms: int


_PROGRESS = """
    SELECT indexed_version, backfill_version, analyser, named_user_id, backfill_floor FROM search_state WHERE id = 1
"""
_HOLD = HotStatement(f"{_PROGRESS} FOR UPDATE SKIP LOCKED")
_READ = HotStatement(_PROGRESS)
_MOVE = HotStatement("""
    UPDATE search_state SET indexed_version = :indexed_version, backfill_version = :backfill_version,
        analyser = :analyser, named_user_id = :named_user_id, backfill_floor = :floor WHERE id = 1
""")
_BACKFILL = HotStatement("""
    UPDATE search_state SET backfill_version = greatest(backfill_version, :last),
        backfill_floor = CASE WHEN backfill_version IS NULL THEN :first ELSE least(backfill_floor, :first) END
    WHERE id = 1
""")


def _changed(range_: str, direction: str) -> HotStatement:
    """Messages of one version are returned together, so that a version says how far the indexer is.

    They are sorted as results are: a bucket may end among them, and the order in which Postgres finds them differs
    between a plain and a partitioned table.
    """
    return HotStatement(f"""
        SELECT x.conversation_id, x.seq, x.version, coalesce(nullif(x.created_version, 0), x.version),
               {ms_of("x.sent_at")}, x.sender_id, coalesce(x.body, ''), x.attachments,
               x.deleted_at IS NOT NULL OR x.kind = 'system', t.bucket
        FROM (
            SELECT * FROM messages WHERE {range_} ORDER BY version {direction} FETCH FIRST :limit ROWS WITH TIES
        ) AS x
        LEFT JOIN message_terms AS t ON t.conversation_id = x.conversation_id AND t.seq = x.seq
        ORDER BY x.version {direction}, x.conversation_id {direction}, x.seq {direction}
    """)


_NEXT = _changed("version > :after AND version <= :upto", "ASC")
_EARLIER = _changed("version <= :upto AND version >= :floor", "DESC")
_WRITE = HotStatement(f"""
    INSERT INTO message_terms (conversation_id, seq, bucket, version, terms)
    SELECT c, s, b, v, array_to_tsvector(string_to_array(l, '{_SEPARATOR}')) FROM unnest(
        CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[]), CAST(:buckets AS integer[]),
        CAST(:versions AS bigint[]), CAST(:lexemes AS text[])
    ) AS new (c, s, b, v, l)
    ON CONFLICT (conversation_id, seq) DO UPDATE SET terms = excluded.terms
    WHERE message_terms.terms <> excluded.terms
""")
_REMOVE = HotStatement("""
    DELETE FROM message_terms USING unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[])) AS gone (c, s)
    WHERE conversation_id = c AND seq = s
""")
_BUCKETS = HotStatement("SELECT bucket, messages, first_version, first_ms, last_ms FROM search_buckets")
_FILL = HotStatement("""
    INSERT INTO search_buckets AS b (bucket, messages, first_version, first_ms, last_ms)
    VALUES (:bucket, :messages, :first_version, :first_ms, :last_ms)
    ON CONFLICT (bucket) DO UPDATE SET messages = b.messages + excluded.messages,
        first_version = least(b.first_version, excluded.first_version),
        first_ms = least(b.first_ms, excluded.first_ms), last_ms = greatest(b.last_ms, excluded.last_ms)
""")
_CLEAN = HotStatement("""
    SELECT gin_clean_pending_list(oid) FROM pg_class
    WHERE oid = CAST('ix_message_terms_terms' AS regclass) AND pg_has_role(relowner, 'USAGE')
""")
_BEHIND = HotStatement("""
    SELECT count(*), coalesce(min(version), 0) FROM (
        SELECT version FROM messages WHERE version > (SELECT indexed_version FROM search_state)
        ORDER BY version LIMIT :limit
    ) AS waiting
""")


def hold_progress(conn: Connection) -> Progress | None:
    """Returns the progress and keeps other indexers out until the transaction ends. Returns None if one is at work."""
    row = _HOLD.row(conn)
    return None if row is None else Progress(*row)


def read_progress(conn: Connection) -> Progress:
    return Progress(*(_READ.row(conn) or (0, None, 0)))


def move_progress(conn: Connection, progress: Progress) -> None:
    indexed, backfill, analyser, named, floor = progress
    _MOVE.run(
        conn, indexed_version=indexed, backfill_version=backfill, analyser=analyser, named_user_id=named, floor=floor
    )


def backfill(conn: Connection, first: int, last: int) -> None:
    """Queues the messages with versions from ``first`` to ``last`` for indexing, behind those that wait already."""
    _BACKFILL.run(conn, first=first, last=last)


def rewind(conn: Connection, version: int) -> None:
    """Makes the indexer read everything from this version on again, because something was stored late, with an old
    version.
    """
    state = update(SearchState).where(SearchState.id == 1, SearchState.indexed_version >= version)
    conn.execute(state.values(indexed_version=version - 1))


def next_messages(conn: Connection, after: int, upto: int, limit: int) -> list[ChangedMessage]:
    """Returns the first messages that were sent or changed after a version: all of them, or at least ``limit``."""
    return structs(ChangedMessage, _NEXT.rows(conn, after=after, upto=upto, limit=limit))


def earlier_messages(conn: Connection, upto: int, limit: int, floor: int = 0) -> list[ChangedMessage]:
    """Returns the last messages that were sent or changed up to a version, down to the version ``floor``."""
    return structs(ChangedMessage, _EARLIER.rows(conn, upto=upto, floor=floor, limit=limit))


def write_terms(conn: Connection, messages: Sequence[IndexedMessage]) -> None:
    if messages:
        _WRITE.run(
            conn,
            conversations=int_array(m.conversation_id for m in messages),
            seqs=int_array(m.seq for m in messages),
            buckets=int_array(m.bucket for m in messages),
            versions=int_array(m.version for m in messages),
            lexemes=text_array(_SEPARATOR.join(m.lexemes) for m in messages),
        )


def remove_terms(conn: Connection, places: Iterable[tuple[int, int]]) -> None:
    """Removes messages (conversation, seq) from the index."""
    gone = list(places)
    if gone:
        _REMOVE.run(conn, conversations=int_array(c for c, _ in gone), seqs=int_array(s for _, s in gone))


def read_buckets(conn: Connection) -> list[Bucket]:
    """Returns all buckets, the newest first."""
    return sorted(structs(Bucket, _BUCKETS.rows(conn)), reverse=True)


def fill_buckets(conn: Connection, filled: Iterable[Bucket]) -> None:
    """Adds to the buckets: ``messages`` are those that are new."""
    for bucket, messages, first_version, first_ms, last_ms in filled:
        times = {"first_ms": first_ms, "last_ms": last_ms}
        _FILL.run(conn, bucket=bucket, messages=messages, first_version=first_version, **times)


def clean_pending(conn: Connection) -> None:
    """Moves new entries of the index to their places, because every look-up reads the others one by one. Only the owner
    of the index may do this; without it, Postgres does it every 256 kB.
    """
    _CLEAN.rows(conn)


def behind(conn: Connection) -> tuple[int, int]:
    """Returns how many messages the indexer has yet to look at, at most BEHIND_CAP, and the version of the first."""
    [(count, version)] = _BEHIND.rows(conn, limit=BEHIND_CAP)
    return count, version
