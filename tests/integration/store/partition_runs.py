"""Sessions and looks at the database for the tests of partition_messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine

from app.store.engine import autocommit
from app.store.partition_messages import Pace, partition_messages
from app.store.sql import driver
from tests.integration.test_migrations import DEFINITIONS

QUICK = Pace(step=100, lock_ms=100, tries=200, pause_seconds=0.02)
FILL = """
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, attachments, version, created_version,
                          sent_at, edited_at, deleted_at, mentions, mentions_all, extra, pinned_at, shadow)
    SELECT c, n, gen_random_uuid(), 1 + n % 2, 'text', 'text ' || n, CASE WHEN n % 7 = 0 THEN '[{"a": 1}]'::jsonb END,
           1000 * n + c, 1000 * n + c, now(), CASE WHEN n % 5 = 0 THEN now() END, CASE WHEN n % 10 = 3 THEN now() END,
           CASE WHEN n % 11 = 0 THEN ARRAY[1, 2] END, n % 13 = 0, CASE WHEN n % 17 = 0 THEN '{"b": 2}'::jsonb END,
           CASE WHEN n % 19 = 0 THEN now() END, n % 23 = 0
    FROM generate_series(1, 60) AS c, generate_series(1, 60) AS n
"""
INSERT = """
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, sent_at)
    VALUES (%s, %s, %s, 1, 'text', %s, 1, now())
"""
UPDATE = "UPDATE messages SET body = %s, version = version + 1 WHERE conversation_id = %s AND seq = %s"
DELETE = "DELETE FROM messages WHERE conversation_id = %s AND seq = %s"

Raw = psycopg.Connection[Any]


class Stopped(Exception):
    pass


def stop_at(start: str) -> Callable[[str], None]:
    def say(line: str) -> None:
        if line.startswith(start):
            raise Stopped

    return say


@contextmanager
def session(url: str) -> Iterator[Raw]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
        conn.execute("SET lock_timeout = '5s'")
        yield conn


def partition(engine: Engine, count: int = 4, say: Callable[[str], None] = lambda _: None, pace: Pace = QUICK) -> bool:
    with autocommit(engine) as conn:
        try:
            return partition_messages(conn, count, say, pace)
        finally:
            conn.invalidate()  # its session has other settings now


def rows(engine: Engine) -> list[Any]:
    with autocommit(engine) as conn:
        return driver(conn).execute("SELECT * FROM messages ORDER BY conversation_id, seq").fetchall()


def definitions(engine: Engine) -> set[str]:
    """Returns the definition of everything but the partitions, as if ``messages`` had none."""
    with autocommit(engine) as conn:
        lines = {line for (line,) in driver(conn).execute(DEFINITIONS).fetchall()}
    return {
        line.replace(" ON ONLY ", " ON ").removesuffix(" ")
        for line in lines
        if not re.search(r"\bmessages_p\d", line) and not line.startswith("messages {")
    }


def left_behind(engine: Engine) -> set[str]:
    statement = """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND relname ~ 'partition|_new$|_old$' UNION ALL SELECT tgname FROM pg_trigger
            WHERE NOT tgisinternal AND tgrelid = 'messages'::regclass
        UNION ALL SELECT proname FROM pg_proc WHERE proname ~ 'partition' AND pronamespace = 'public'::regnamespace
    """
    with autocommit(engine) as conn:
        return {name for (name,) in driver(conn).execute(statement).fetchall()}


def partitions(engine: Engine) -> list[tuple[str, list[str]]]:
    statement = """
        SELECT relname, reloptions FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = 'messages'::regclass ORDER BY 1
    """
    with autocommit(engine) as conn:
        return driver(conn).execute(statement).fetchall()


def options(engine: Engine) -> list[str]:
    """Returns the storage options of ``messages``."""
    with autocommit(engine) as conn:
        found = driver(conn).execute("SELECT reloptions FROM pg_class WHERE oid = 'messages'::regclass").fetchall()
    return found[0][0] or []
