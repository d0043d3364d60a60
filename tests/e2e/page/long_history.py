"""A conversation with a long history, written directly to the store because sending it would take a minute."""

from __future__ import annotations

import psycopg

FILL = """
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, created_version, sent_at)
    SELECT %(conversation)s, n, gen_random_uuid(), CASE WHEN n %% 3 = 0 THEN %(one)s ELSE %(other)s END, 'text',
           'message ' || n || repeat(' and more of it', CAST(n %% 7 AS int)),
           base + n, base + n, now() - (%(count)s - n) * interval '1 minute'
    FROM generate_series(1, %(count)s) n,
         (SELECT CAST(extract(epoch FROM now() - interval '1 hour') * 1000000 AS bigint) AS base) AS times
"""
MARK = """
    WITH newest AS (SELECT max(version) AS version FROM messages WHERE conversation_id = %(conversation)s),
         read AS (UPDATE members SET last_read_seq = %(count)s, last_delivered_seq = %(count)s
                  WHERE conversation_id = %(conversation)s)
    UPDATE conversations SET last_seq = %(count)s, version = (SELECT version FROM newest), last_activity_at = now()
    WHERE id = %(conversation)s
"""


def fill(database_url: str, conversation: int, one: int, other: int, count: int) -> None:
    """Inserts ``count`` messages of the two users, a minute apart, all read. The conversation must be empty before."""
    values = {"conversation": conversation, "one": one, "other": other, "count": count}
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        connection.execute(FILL, values)
        connection.execute(MARK, values)
