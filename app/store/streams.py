"""Streams in Postgres: the text so far of messages that still grow. It may be some seconds old; Redis has the newest
text.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.core.records import MessageBody, Record
from app.store.change_values import mentions_of, place_of
from app.store.pg_arrays import int_array, text_array
from app.store.sql import HotStatement

MAX_LOST = 500  # per look-up

# If a batch is stored again after the stream has ended, it begins no stream.
_BEGIN = HotStatement("""
    INSERT INTO streams (conversation_id, seq)
    SELECT conversation_id, seq FROM messages
    WHERE conversation_id = :conversation AND seq = :seq AND extra ? 'streaming' ON CONFLICT DO NOTHING
""")
_END = HotStatement("""
    UPDATE messages SET body = :body, mentions = CAST(:mentions AS bigint[]), mentions_all = :mentions_all,
        version = :version,
        extra = nullif(coalesce(extra, '{}') - 'streaming' - CAST(:decided AS text[]) || CAST(:extra AS jsonb), '{}')
    WHERE conversation_id = :conversation AND seq = :seq AND deleted_at IS NULL AND version < :version
""")
_REMOVE = HotStatement("DELETE FROM streams WHERE conversation_id = :conversation AND seq = :seq")
# Text only grows, so an older one never replaces a later one.
_SAVE = HotStatement("""
    WITH saved AS (
        UPDATE messages AS m SET body = t
        FROM unnest(CAST(:conversations AS bigint[]), CAST(:seqs AS bigint[]), CAST(:texts AS text[])) AS new (c, s, t)
        WHERE m.conversation_id = c AND m.seq = s AND m.conversation_id = ANY(CAST(:conversations AS bigint[]))
          AND m.extra ? 'streaming' AND m.deleted_at IS NULL
          AND length(coalesce(m.body, '')) < length(t)
        RETURNING m.conversation_id AS c, m.seq AS s
    )
    UPDATE streams SET touched_at = now() FROM saved
    WHERE conversation_id = c AND seq = s AND conversation_id = ANY(CAST(:conversations AS bigint[])) RETURNING c, s
""")
_UNTOUCHED = HotStatement(f"""
    SELECT conversation_id, seq FROM streams
    WHERE touched_at < now() - CAST(:seconds AS double precision) * interval '1 second'
    ORDER BY touched_at LIMIT {MAX_LOST}
""")
_PLACES = HotStatement("SELECT conversation_id, seq FROM messages WHERE id = CAST(:id AS uuid) LIMIT 2")


def begin(conn: Connection, record: Record) -> None:
    """Notes that the message, which is stored already, is an open stream."""
    _BEGIN.send(conn, **place_of(record))


def end(conn: Connection, record: Record, body: MessageBody, decided: str, extra: str) -> None:
    """Stores the final text. ``decided``: the rare fields that the end decides, ``extra``: their values, as JSON.
    Changes nothing if the message was deleted, or its end is stored already.
    """
    place = place_of(record)
    _END.send(
        conn,
        **place,
        body=body.message,
        mentions=mentions_of(body),
        mentions_all=body.mentions_all is True,
        decided=decided,
        extra=extra,
    )
    _REMOVE.send(conn, **place)


def save_texts(conn: Connection, texts: Sequence[tuple[int, int, str]]) -> set[tuple[int, int]]:
    """Stores the text so far of (conversation, seq, text). Returns the places whose message is stored and open."""
    conversations, seqs, bodies = zip(*texts, strict=True)
    rows = _SAVE.rows(conn, conversations=int_array(conversations), seqs=int_array(seqs), texts=text_array(bodies))
    return {(c, seq) for c, seq in rows}


def untouched(conn: Connection, seconds: float) -> list[tuple[int, int]]:
    """Returns open streams whose text was not stored for this time."""
    return [(c, seq) for c, seq in _UNTOUCHED.rows(conn, seconds=seconds)]


def places_of(conn: Connection, message_id: str) -> list[tuple[int, int]]:
    """Returns where messages of this id are, at most two of them."""
    return [(c, seq) for c, seq in _PLACES.rows(conn, id=message_id)]


def remove(conn: Connection, conversation_id: int, seq: int) -> None:
    """Forgets a stream that is over or whose message is gone."""
    _REMOVE.send(conn, conversation=conversation_id, seq=seq)
