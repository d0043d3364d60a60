"""Writes long conversations directly into Parley's Postgres, outside of the measurement."""

from __future__ import annotations

from itertools import pairwise

import psycopg

# One user's conversations with many others, oldest first; n is the position.
_CONVERSATIONS = """
    INSERT INTO conversations (kind, direct_low, direct_high, last_seq, version, last_activity_at, member_count)
    SELECT 'direct', least(%(user)s, other), greatest(%(user)s, other), count,
           %(base_us)s + 1000 * n, to_timestamp((%(base_us)s + 1000 * n) / 1e6), 2
    FROM unnest(%(others)s::bigint[], %(counts)s::bigint[]) WITH ORDINALITY AS asked (other, count, n)
    RETURNING id, CASE WHEN direct_low = %(user)s THEN direct_high ELSE direct_low END, last_seq
"""
# All messages except the last ten are read, because nobody leaves a million unread.
_MEMBERS = """
    INSERT INTO members (conversation_id, user_id, last_delivered_seq, last_read_seq, version)
    SELECT id, member, last_seq, greatest(last_seq - 10, 0), version FROM conversations,
           LATERAL (VALUES (direct_low), (direct_high)) AS both_of (member)
    WHERE id = ANY(%(ids)s)
"""
_MESSAGES = """
    INSERT INTO messages (
        conversation_id, seq, id, sender_id, kind, body, attachments, version, created_version, sent_at
    )
    SELECT %(id)s, seq, uuidv7(), CASE WHEN seq %% 2 = 0 THEN %(user)s ELSE %(other)s END, 'text',
           left('Message ' || seq || ': the quick brown fox jumps over the lazy dog, again and again and again.', 100),
           '[]', %(base_us)s - %(count)s + seq, %(base_us)s - %(count)s + seq,
           to_timestamp((%(base_us)s - 1000000 * (%(count)s - seq)) / 1e6)
    FROM generate_series(CAST(%(first)s AS bigint), %(last)s) AS seq
"""
_HOUR_US = 3_600_000_000
ROWS_AT_ONCE = 100_000


def conversations_of(database_url: str, user: int, others: list[int], counts: list[int]) -> list[int]:
    """Creates a direct conversation of ``user`` with each of ``others``, with ``counts`` messages. Returns the ids.

    The last conversation has the newest activity.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        base_us = _now_us(connection) - _HOUR_US
        values = {"user": user, "others": others, "counts": counts, "base_us": base_us}
        made = connection.execute(_CONVERSATIONS, values).fetchall()
        ids = {other: conversation for conversation, other, _ in made}
        connection.execute(_MEMBERS, {"ids": list(ids.values())})
        for conversation, other, count in made:
            _write_messages(connection, {"id": conversation, "user": user, "other": other, "base_us": base_us}, count)
        return [ids[other] for other in others]


def _write_messages(connection: psycopg.Connection, values: dict[str, int], count: int) -> None:
    for first, end in pairwise([*range(0, count, ROWS_AT_ONCE), count]):
        connection.execute(_MESSAGES, {**values, "count": count, "first": first + 1, "last": end})


def settle(database_url: str) -> None:
    """Vacuums the tables, so that autovacuum does not run during the measurement."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) conversations, members, messages")
        connection.execute("CHECKPOINT")


def _now_us(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT CAST(extract(epoch FROM now()) * 1000000 AS bigint)").fetchone()
    assert row is not None
    return int(row[0])
