"""Turns ``messages`` into a table that is hash-partitioned by conversation, while everything runs.

Four stages: make an empty copy, let a trigger write all changes to it, copy the rows in steps, switch.

Why the copy is equal at the end:

* **No row is missing.** ``CREATE TRIGGER`` takes a SHARE ROW EXCLUSIVE lock, so it waits for each transaction that has
  written to ``messages`` to end. Later ones fire the trigger. The steps begin after the commit of the trigger, so
  their snapshots see every row that it did not.
* **No row is old.** The trigger replaces the row of the copy, and a step does not change rows that exist. If the step
  was first, the trigger waits for its commit, because both insert the same key, and then replaces the row. If the
  trigger was first, the step waits. Then it leaves the row as it is or, after a rollback, copies the old row, which is
  correct.
  * **No row is too many.** A step may copy a row that is deleted before the step commits; the trigger does not see that
    row. So the trigger notes each deletion, and the switch deletes the noted rows that ``messages`` does not have
    again.

A step holds rows that writers may wait for, and waits for rows of writers. Its ``lock_timeout`` is below Postgres'
``deadlock_timeout`` (1 s), so it is the step that fails, not a writer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection

from app.store.connections import BoundedConnection
from app.store.partition_layout import (
    DELETIONS,
    FUNCTION,
    NEW,
    PROGRESS,
    TRIGGER,
    Layout,
    create_copy,
    drop_copy,
    drop_former,
    drop_trigger,
    exchange,
    exists,
    find_in_the_way,
    is_partitioned,
    read_layout,
    run,
    value_of,
)
from app.store.sql import driver

RV = TypeVar("RV")
Say = Callable[[str], None]
Raw = psycopg.Connection[Any]

_LOCK_KEY = 0x504152544954  # "PARTIT"
_SAY_EVERY_SECONDS = 10.0
_AGAIN = "Nothing is lost: run the command again, and it continues from here."
_BUSY = f"Other transactions kept messages in use for too long (see pg_stat_activity and pg_locks). {_AGAIN}"
_CHANGED = "The definition of messages has changed since the copy was made. Run the command again: it starts over."
# No statement may fall back to reading a whole table, whatever the statistics say: the switch would hold its lock.
_SETTINGS = """
    SET statement_timeout = 0; SET plan_cache_mode = force_custom_plan; SET enable_seqscan = off;
    SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""
_OWNER = """
    SELECT quote_ident(rolname), pg_has_role(relowner, 'MEMBER')
    FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE pg_class.oid = to_regclass('messages')
"""
_TRIGGERED = f"SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'messages'::regclass AND tgname = '{TRIGGER}')"


class PartitionError(Exception):
    """One line for the operator."""


@dataclass(frozen=True, slots=True)
class Pace:
    """``step`` is in rows. The wait for a lock that stops the chat takes at most ``lock_ms``. If a stage does not get
    its locks, it is tried ``tries`` times, with pauses of ``pause_seconds``.
    """

    step: int = 10_000
    lock_ms: int = 300
    tries: int = 60
    pause_seconds: float = 1.0


def partition_messages(connection: Connection, partitions: int, say: Say, pace: Pace = Pace()) -> bool:
    """Partitions ``messages``, or goes on where a former call stopped. Returns False if it is partitioned already.

    The connection must be in autocommit mode and is not usable for anything else afterwards. ``say`` gets lines about
    the progress. Raises PartitionError, and psycopg.OperationalError if the connection is lost. Chat then goes on with
    the old table.
    """
    conn = driver(connection)
    if isinstance(conn, BoundedConnection):
        conn.answer_seconds = None
    try:
        with _only_run(conn):
            return _partition(conn, partitions, say, pace)
    except psycopg.Error as error:
        if error.diag.message_primary is None:  # it did not answer
            raise
        raise PartitionError(f"Postgres ended the run: {error.diag.message_primary}. {_AGAIN}") from None


def _partition(conn: Raw, partitions: int, say: Say, pace: Pace) -> bool:
    run(conn, _SETTINGS)
    _become_owner(conn)
    if is_partitioned(conn):
        if exists(conn, PROGRESS):
            _drop_former(conn, say)
        return False
    if found := find_in_the_way(conn):
        raise PartitionError(f"{found[0].upper()}{found[1:]} depends on messages and cannot be kept. Remove it first.")
    layout = read_layout(conn, partitions)
    _prepare(conn, layout, say, pace)
    _copy(conn, layout, say, pace)
    _settle(conn, layout, say)
    _with_lock(conn, "ACCESS EXCLUSIVE", lambda: _switch(conn, layout), pace)
    say(f"messages has {partitions} partitions now.")
    _drop_former(conn, say)
    return True


@contextmanager
def _only_run(conn: Raw) -> Iterator[None]:
    """Raises PartitionError if another run holds the lock. The lock belongs to the session that works, so a run whose
    process was killed holds it until its last statement has ended.
    """
    if value_of(conn, "SELECT pg_backend_pid()") != conn.info.backend_pid:
        raise PartitionError("The address of the database belongs to a pooler. Set DATABASE_DIRECT_URL.")
    if not value_of(conn, "SELECT pg_try_advisory_lock(%s)", _LOCK_KEY):
        raise PartitionError("This command is already running elsewhere.")
    try:
        yield
    finally:
        if not conn.closed:
            run(conn, "SELECT pg_advisory_unlock(%s)", _LOCK_KEY)


def _become_owner(conn: Raw) -> None:
    """Takes the role of the table's owner, so that the new table has the same one."""
    row = run(conn, _OWNER).fetchone()
    if row is None:
        raise PartitionError("The table messages does not exist. Run the migrations first.")
    owner, may_be_owner = row
    if not may_be_owner:
        raise PartitionError(f"Only {owner} can do this, the owner of the table messages.")
    run(conn, f"SET ROLE {owner}")


def _prepare(conn: Raw, layout: Layout, say: Say, pace: Pace) -> None:
    """Makes the copy and the trigger, unless a former run made both for the same definition."""
    if not _can_go_on(conn, layout):
        if exists(conn, NEW) or value_of(conn, _TRIGGERED):
            say("Removing the copy of an earlier run: it does not match messages, or the number of partitions differs.")
            _with_lock(conn, "ACCESS EXCLUSIVE", lambda: drop_trigger(conn), pace)
        with conn.transaction():
            run(conn, "SET LOCAL lock_timeout = 0")
            drop_copy(conn)
            create_copy(conn, layout)
        size = value_of(conn, "SELECT pg_size_pretty(pg_total_relation_size('messages'))")
        say(f"Made {layout.partitions} empty partitions. The copy needs about {size} of disk space.")
    if not value_of(conn, _TRIGGERED):
        _with_lock(conn, "SHARE ROW EXCLUSIVE", lambda: _follow(conn), pace)
        say("All changes are now written to the partitions as well.")


def _can_go_on(conn: Raw, layout: Layout) -> bool:
    """Also False if somebody dropped the trigger: changes since then are missing in the copy."""
    if not (exists(conn, NEW) and exists(conn, PROGRESS) and exists(conn, DELETIONS)):
        return False
    fits = f"SELECT layout = %s AND follows = ({_TRIGGERED}) FROM {PROGRESS}"
    return bool(value_of(conn, fits, repr(layout)))


def _follow(conn: Raw) -> None:
    events = "AFTER INSERT OR UPDATE OR DELETE ON messages FOR EACH ROW"
    run(conn, f"CREATE TRIGGER {TRIGGER} {events} EXECUTE FUNCTION {FUNCTION}()")
    run(conn, f"UPDATE {PROGRESS} SET follows = true")


def _copy(conn: Raw, layout: Layout, say: Say, pace: Pace) -> None:
    done = value_of(conn, f"SELECT copied FROM {PROGRESS}")
    total = value_of(conn, "SELECT reltuples::bigint FROM pg_class WHERE oid = 'messages'::regclass")
    say(f"Copying about {max(total - done, 0):,} rows.")
    began = said = time.monotonic()
    first = done
    while found := _retried(lambda: copy_step(conn, layout, pace.step), pace):
        done += found
        if time.monotonic() - said > _SAY_EVERY_SECONDS:
            said = time.monotonic()
            rate = (done - first) / (said - began)
            say(f"Copied {done:,} of about {max(total, done):,} rows, {rate:,.0f} per second.")
    rate = (done - first) / max(time.monotonic() - began, 0.001)
    say(f"Copied all {done:,} rows, {rate:,.0f} per second.")


def copy_step(conn: Raw, layout: Layout, rows: int) -> int:
    """Copies the next rows in a transaction, or within the caller's. Returns how many it looked at; 0 at the end.

    Raises LockNotAvailable if it waits for a writer; then nothing was copied.
    """
    with conn.transaction():
        run(conn, "SET LOCAL lock_timeout = '300ms'")
        position = run(conn, f"SELECT conversation_id, seq FROM {PROGRESS}").fetchall()[0]
        copied = value_of(
            conn,
            f"""
            WITH step AS MATERIALIZED (
                SELECT * FROM messages WHERE (conversation_id, seq) > (%s, %s) ORDER BY conversation_id, seq LIMIT %s
            ), copied AS (
                INSERT INTO {NEW} ({layout.names}) SELECT {layout.names} FROM step ON CONFLICT DO NOTHING
            ), last AS (SELECT conversation_id, seq FROM step ORDER BY 1 DESC, 2 DESC LIMIT 1)
            UPDATE {PROGRESS} AS p SET conversation_id = last.conversation_id, seq = last.seq,
                copied = copied + (SELECT count(*) FROM step)
            FROM last RETURNING (SELECT count(*) FROM step)
            """,
            *position,
            rows,
        )
    return copied or 0


def _settle(conn: Raw, layout: Layout, say: Say) -> None:
    """Vacuums, because unread messages are counted by index-only scans, and analyses, because autovacuum does not
    analyse a partitioned table as a whole.
    """
    run(conn, "SET lock_timeout = 0")
    for number in range(layout.partitions):
        say(f"Vacuuming partition {number + 1} of {layout.partitions}.")
        run(conn, f"VACUUM messages_p{number}")
    run(conn, f"ANALYZE {NEW}")
    # No step runs any more, so a row that is not in the copy now does not come back.
    run(
        conn,
        f"DELETE FROM {DELETIONS} AS d WHERE NOT EXISTS ("
        f" SELECT FROM {NEW} AS n WHERE n.conversation_id = d.conversation_id AND n.seq = d.seq)",
    )
    say("Vacuumed and analysed the partitions. Switching.")


def _switch(conn: Raw, layout: Layout) -> None:
    """Runs while nobody else can use ``messages``."""
    if not _can_go_on(conn, read_layout(conn, layout.partitions)):
        raise PartitionError(_CHANGED)
    run(
        conn,
        f"""
        DELETE FROM {NEW} AS n USING {DELETIONS} AS d
        WHERE n.conversation_id = d.conversation_id AND n.seq = d.seq AND NOT EXISTS (
            SELECT FROM messages AS m WHERE m.conversation_id = n.conversation_id AND m.seq = n.seq)
        """,
    )
    drop_trigger(conn)
    exchange(conn, layout)


def _drop_former(conn: Raw, say: Say) -> None:
    """Runs after the switch: an autovacuum of the former table's TOAST table may hold up the drop for long."""
    with conn.transaction():
        run(conn, "SET LOCAL lock_timeout = 0")
        drop_former(conn)
    say("Removed the former table.")


def _with_lock(conn: Raw, mode: str, work: Callable[[], None], pace: Pace) -> None:
    """Runs ``work`` in a transaction that holds the lock on ``messages``, which chat must not wait for.

    A vacuum would hold up the lock for hours. Postgres ends an autovacuum for a session that waits longer than
    ``deadlock_timeout``. So the first lock, which stops no chat, waits for that and keeps the next vacuum away.
    """

    def attempt() -> None:
        with conn.transaction():
            run(conn, "SET LOCAL lock_timeout = '5s'")
            run(conn, "LOCK TABLE messages IN SHARE UPDATE EXCLUSIVE MODE")
            run(conn, f"SET LOCAL lock_timeout = {pace.lock_ms}")
            run(conn, f"LOCK TABLE messages IN {mode} MODE")
            work()

    _retried(attempt, pace)


def _retried(attempt: Callable[[], RV], pace: Pace) -> RV:
    tries = pace.tries
    while True:
        try:
            return attempt()
        except (LockNotAvailable, DeadlockDetected):
            tries -= 1
            if tries <= 0:
                raise PartitionError(_BUSY) from None
        time.sleep(pace.pause_seconds)
