"""Changes while ``partition_messages`` runs: random changes by several writers, and each interleaving with a step."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Engine

from app.store.engine import autocommit
from app.store.partition_layout import read_layout
from app.store.partition_messages import PartitionError, copy_step
from app.store.sql import driver
from dev.processes import wait_until
from tests.integration.store.partition_runs import (
    DELETE,
    INSERT,
    QUICK,
    UPDATE,
    Raw,
    Stopped,
    definitions,
    left_behind,
    partition,
    partitions,
    rows,
    session,
    stop_at,
)
from tests.support.patience import PATIENCE


class Writer:
    """Writes to conversations of its own with prepared statements, several random changes per transaction. Remembers
    what must be stored.
    """

    def __init__(self, url: str, number: int) -> None:
        self._url, self._random, self._number = url, random.Random(number), number
        self.stored: dict[tuple[int, int], str] = {}
        self._ids: dict[tuple[int, int], str] = {}
        self._stop = threading.Event()
        self.transactions = 0
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self, engine: Engine) -> None:
        with autocommit(engine) as conn:
            select = "SELECT conversation_id, seq, id, body FROM messages WHERE conversation_id %% 3 = %s"
            for conversation, seq, message_id, body in driver(conn).execute(select, [self._number]).fetchall():
                self.stored[conversation, seq], self._ids[conversation, seq] = body, str(message_id)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE)
        assert self.problem is None, self.problem
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with session(self._url) as conn:
                while not self._stop.is_set():
                    with conn.transaction():
                        for _ in range(self._random.randint(1, 6)):
                            self._change(conn)
                    self.transactions += 1
        except BaseException as problem:  # noqa: BLE001 - the test reports it
            self.problem = problem

    def _change(self, conn: Raw) -> None:
        key = self._random.choice(list(self.stored))
        what = self._random.random()
        if what < 0.4:
            self._add(conn, (3 * self._random.randint(1, 40) + self._number, self._random.randint(1, 90)))
        elif what < 0.7:
            body = f"edited {self._random.random()}"
            conn.execute(UPDATE, [body, *key], prepare=True)
            self.stored[key] = body
        else:
            conn.execute(DELETE, key, prepare=True)
            del self.stored[key]
            if what < 0.8:  # the same id under another seq, or under the same one
                self._add(conn, (key[0], key[1] + self._random.choice([0, 100])), self._ids[key])

    def _add(self, conn: Raw, key: tuple[int, int], message_id: str = "") -> None:
        if key in self.stored:
            return
        self._ids[key] = message_id or f"{self._random.getrandbits(128):032x}"
        self.stored[key] = f"new {self._random.random()}"
        conn.execute(INSERT, [*key, self._ids[key], self.stored[key]], prepare=True)


@pytest.mark.parametrize("step", [7, 150])
def test_writers_lose_nothing(filled: Engine, filled_url: str, step: int) -> None:
    writers = [Writer(filled_url, number) for number in range(3)]
    for writer in writers:
        writer.start(filled)
    try:
        wait_until(lambda: all(writer.transactions > 10 for writer in writers), PATIENCE, "the writers' first changes")
        assert partition(filled, 4, pace=replace(QUICK, step=step))
        before = [writer.transactions for writer in writers]
        wait_until(
            lambda: all(w.transactions > n + 10 or w.problem for w, n in zip(writers, before, strict=True)),
            PATIENCE,
            "changes after the switch",
        )
    finally:
        for writer in writers:
            writer.stop()
    expected = {key: body for writer in writers for key, body in writer.stored.items()}
    assert {(row[0], row[1]): row[5] for row in rows(filled)} == expected


@pytest.fixture
def copying(filled: Engine, filled_url: str) -> Iterator[Raw]:
    """A session that can copy steps: a run was interrupted before its first one."""
    with pytest.raises(Stopped):
        partition(filled, 4, stop_at("Copying"))
    with session(filled_url) as conn:
        yield conn


def is_blocked(looker: Raw, blocked: Raw) -> bool:
    """Returns whether this session waits for a lock of another one."""
    blockers = looker.execute("SELECT cardinality(pg_blocking_pids(%s))", [blocked.info.backend_pid])
    return blockers.fetchall() != [(0,)]


def wants_lock(engine: Engine, mode: str) -> bool:
    """Returns whether some session waits for this lock on ``messages``."""
    statement = "SELECT 1 FROM pg_locks WHERE relation = 'messages'::regclass AND mode = %s AND NOT granted"
    with autocommit(engine) as conn:
        return bool(driver(conn).execute(statement, [mode]).fetchall())


def test_changes_between_the_look_and_the_commit_of_a_step(filled: Engine, filled_url: str, copying: Raw) -> None:
    layout = read_layout(copying, 4)
    with session(filled_url) as writer, session(filled_url) as other:
        (old_id,) = writer.execute("SELECT id FROM messages WHERE conversation_id = 1 AND seq = 3").fetchone() or ()
        with copying.transaction():
            assert copy_step(copying, layout, 100) == 100
            writer.execute(DELETE, [1, 1])  # does not see the row of the copy, so only the note helps
            writer.execute(DELETE, [1, 2])
            writer.execute(DELETE, [1, 3])
            edit = threading.Thread(target=lambda: other.execute(UPDATE, ["edited", 1, 4]))
            edit.start()
            wait_until(lambda: is_blocked(writer, other), PATIENCE, "the edit to wait for the step")
        edit.join(PATIENCE)
        copy = "SELECT count(*) FROM messages_partitioned WHERE conversation_id = 1 AND seq < 4"
        assert writer.execute(copy).fetchone() == (3,), "these rows should have come back"
        writer.execute(INSERT, [1, 2, "0" * 32, "again"])  # the same key
        writer.execute(INSERT, [1, 900, old_id, "moved"])  # the same id under another key
        with writer.transaction():
            writer.execute(UPDATE, ["before the look", 10, 1])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                copy_step(copying, layout, 1000)  # waits for the writer, gives up, and copies nothing
        writer.execute("BEGIN")
        writer.execute(UPDATE, ["rolled back", 20, 1])
        writer.execute("ROLLBACK")
    assert partition(filled)
    found = {(row[0], row[1]): row[5] for row in rows(filled)}
    assert (1, 1) not in found
    assert (1, 3) not in found
    assert (found[1, 2], found[1, 4], found[1, 900]) == ("again", "edited", "moved")
    assert (found[10, 1], found[20, 1]) == ("before the look", "text 1")
    assert len(found) == 3600 - 3 + 2


def test_trigger_waits_for_a_writer_that_does_not_fire_it(filled: Engine, filled_url: str) -> None:
    said: list[str] = []
    with session(filled_url) as writer:
        with writer.transaction():
            writer.execute(INSERT, [1, 500, "1" * 32, "late"])
            mover = threading.Thread(target=partition, args=(filled, 4, said.append))
            mover.start()
            wait_until(lambda: wants_lock(filled, "ShareRowExclusiveLock"), PATIENCE, "the trigger to wait")
            assert not any("All changes" in line for line in said)
        mover.join(PATIENCE)
    assert (1, 500, "late") in [(row[0], row[1], row[5]) for row in rows(filled)]
    assert len(partitions(filled)) == 4


@pytest.mark.parametrize("change", ["count", "column", "index", "trigger"])
def test_copy_that_no_longer_fits_is_made_again(filled: Engine, filled_url: str, change: str) -> None:
    with pytest.raises(Stopped):
        partition(filled, 4, stop_at("Vacuumed"))
    with session(filled_url) as conn:
        statements = {
            "column": "ALTER TABLE messages ADD COLUMN added int DEFAULT 7",
            "index": "CREATE INDEX added ON messages (kind)",
            "trigger": "DROP TRIGGER messages_partitioning_follow ON messages",
        }
        conn.execute(statements.get(change, "SELECT 1"))
        conn.execute(UPDATE, ["changed", 1, 1])
        conn.execute(DELETE, [2, 2])
    expected = rows(filled)
    defined = {line for line in definitions(filled) if "messages_partition" not in line}
    said: list[str] = []
    assert partition(filled, 8 if change == "count" else 4, said.append)
    assert said[0].startswith("Removing the copy")
    assert (rows(filled), definitions(filled), left_behind(filled)) == (expected, defined, set())


def test_definition_that_changes_during_the_run_stops_the_switch(filled: Engine, filled_url: str) -> None:
    def migrate(line: str) -> None:
        if line.startswith("Vacuumed"):
            with session(filled_url) as conn:
                conn.execute("ALTER TABLE messages ADD COLUMN added int DEFAULT 7")
                conn.execute(INSERT, [1, 500, "1" * 32, "with the new column"])

    with pytest.raises(PartitionError, match="has changed"):
        partition(filled, 4, migrate)
    expected = rows(filled)
    assert len(expected) == 3601
    assert partition(filled)
    assert rows(filled) == expected
