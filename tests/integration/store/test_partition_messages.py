"""``partition_messages`` divides the table while everything runs. It loses no row, keeps no deleted row, and changes
none.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from app.config import Settings
from app.store import message_life, messages
from app.store.engine import autocommit, create_engine, reading
from app.store.models import Base
from app.store.partition_layout import read_layout
from app.store.partition_messages import PartitionError, copy_step, partition_messages
from app.store.sql import driver
from tests.integration.store.partition_runs import (
    DELETE,
    QUICK,
    UPDATE,
    Stopped,
    definitions,
    left_behind,
    options,
    partition,
    partitions,
    rows,
    session,
    stop_at,
)
from tests.integration.test_pooler import pooler_to
from tests.integration.twins.test_postgres import StoredWorld
from tests.support.commands import flask
from tests.support.plans import nodes, plans_of
from tests.support.processes import ROOT, base_env
from tests.twins.store_contract import StoreContract


def test_rows_definitions_and_options_are_the_same(filled: Engine) -> None:
    before, defined = rows(filled), definitions(filled)
    before_options = options(filled)
    assert before_options
    said: list[str] = []
    assert partition(filled, 4, said.append)
    assert rows(filled) == before
    assert definitions(filled) == defined
    assert partitions(filled) == [(f"messages_p{n}", before_options) for n in range(4)]
    assert left_behind(filled) == set()
    assert "Copied all 3,600 rows" in "\n".join(said)
    assert not partition(filled, 4, said.append), "it is partitioned already"
    assert rows(filled) == before
    with filled.connect() as conn:
        opts = {
            "compare_type": True,
            "compare_server_default": True,
            "include_object": lambda _object, name, *_: not str(name).startswith("messages_p"),
        }
        assert compare_metadata(MigrationContext.configure(conn, opts=opts), Base.metadata) == []


STAGES = ["Made", "All changes", "Copying", "Copied", "Vacuumed", "messages has"]


@pytest.mark.parametrize("stage", STAGES)
def test_interrupted_run_goes_on(filled: Engine, filled_url: str, stage: str) -> None:
    before, defined = rows(filled), definitions(filled)
    with pytest.raises(Stopped):
        partition(filled, 4, stop_at(stage))
    with session(filled_url) as writer:
        writer.execute(UPDATE, ["between the runs", 1, 1])
        writer.execute(DELETE, [2, 2])
    said: list[str] = []
    assert partition(filled, 4, said.append) == (stage != STAGES[-1])
    assert not any(line.startswith("Made") for line in said)
    kept = {row[:2]: row[5] for row in before if row[:2] != (2, 2)}
    assert {row[:2]: row[5] for row in rows(filled)} == {**kept, (1, 1): "between the runs"}
    assert (definitions(filled), left_behind(filled), len(partitions(filled))) == (defined, set(), 4)


def test_run_goes_on_after_its_session_was_ended(filled: Engine, filled_url: str) -> None:
    before = rows(filled)
    with pytest.raises(Stopped):
        partition(filled, 4, stop_at("Copying"))
    with session(filled_url) as conn, session(filled_url) as other:
        assert copy_step(conn, read_layout(conn, 4), 1000) == 1000
        conn.execute("BEGIN")
        copy_step(conn, read_layout(conn, 4), 1000)
        other.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            conn.execute("COMMIT")
    said: list[str] = []
    assert partition(filled, 4, said.append)
    assert "Copied all 3,600 rows" in "\n".join(said)
    assert rows(filled) == before


def test_half_done_move_can_be_given_up(filled: Engine, filled_url: str) -> None:
    """By the statements of docs/scaling.md."""
    before, defined = rows(filled), definitions(filled)
    with pytest.raises(Stopped):
        partition(filled, 4, stop_at("Copied"))
    steps = (ROOT / "docs/scaling.md").read_text().partition("To give up instead")[2].partition("\n6.")[0]
    statements = re.findall(r"`((?:SET|DROP)\s[^`]+)`", steps)
    assert len(statements) == 4
    with session(filled_url) as conn:
        for statement in statements:
            conn.execute(statement.encode())
    assert (rows(filled), definitions(filled), left_behind(filled)) == (before, defined, set())
    assert partition(filled)


def test_second_run_at_once_is_refused(filled: Engine) -> None:
    def second(line: str) -> None:
        if line.startswith("Copying"):
            with pytest.raises(PartitionError, match="already running"):
                partition(filled)

    assert partition(filled, 4, second)


def test_views_and_triggers_stop_the_run_at_its_start(filled: Engine, filled_url: str) -> None:
    with session(filled_url) as conn:
        conn.execute("CREATE VIEW texts AS SELECT body FROM messages")
    with pytest.raises(PartitionError, match="The view texts depends on messages"):
        partition(filled)
    assert partitions(filled) == []
    assert left_behind(filled) == set()


def test_roles_keep_their_rights_during_the_move_and_after_it(filled: Engine, filled_url: str) -> None:
    with session(filled_url) as owner, session(filled_url) as writer:
        owner.execute("CREATE ROLE parts_writer; GRANT SELECT, UPDATE, DELETE ON messages TO parts_writer")
        writer.execute("SET ROLE parts_writer")
        try:
            with pytest.raises(Stopped):
                partition(filled, 4, stop_at("Copied"))
            writer.execute(UPDATE, ["by another role", 1, 1])
            writer.execute(DELETE, [1, 2])
            assert partition(filled)
            writer.execute(DELETE, [1, 3])
        finally:
            owner.execute("DROP OWNED BY parts_writer; DROP ROLE parts_writer")
    assert [row[5] for row in rows(filled)[:2]] == ["by another role", "text 4"]


def test_role_that_does_not_own_the_table_gets_one_line(filled: Engine, filled_url: str) -> None:
    with session(filled_url) as owner, autocommit(filled) as conn:
        owner.execute("CREATE ROLE parts_other")
        try:
            driver(conn).execute("SET SESSION AUTHORIZATION parts_other")
            with pytest.raises(PartitionError, match=r"^Only postgres can do this"):
                partition_messages(conn, 4, print)
        finally:
            conn.invalidate()
            owner.execute("DROP ROLE parts_other")


def test_pooler_is_refused_because_the_run_needs_a_session(filled: Engine, filled_url: str, settings: Settings) -> None:
    with pooler_to(filled_url) as pooler:
        pooled = create_engine(replace(settings, database_url=pooler.url(), db_prepared_statements=False))
        with pytest.raises(PartitionError, match="DATABASE_DIRECT_URL"):
            partition(pooled)
        pooled.dispose()
    assert left_behind(filled) == set()


def test_error_of_postgres_is_one_line(filled: Engine, filled_url: str) -> None:
    with session(filled_url) as conn:
        conn.execute("CREATE UNIQUE INDEX by_id ON messages (id)")
    with pytest.raises(
        PartitionError, match=r"^Postgres ended the run: unique constraint on partitioned table .*again"
    ):
        partition(filled)
    assert left_behind(filled) == set()


@pytest.mark.parametrize("stage", ["Made", "Vacuumed"])
def test_lock_by_somebody_else_delays_and_does_not_stop_the_chat(filled: Engine, filled_url: str, stage: str) -> None:
    with session(filled_url) as holder, session(filled_url) as writer:

        def hold(line: str) -> None:
            if line.startswith(stage):
                holder.execute("BEGIN")
                holder.execute(UPDATE, ["held", 1, 1])

        with pytest.raises(PartitionError, match="run the command again"):
            partition(filled, 4, hold, replace(QUICK, tries=3))
        writer.execute(UPDATE, ["while held", 1, 2])
        threading.Timer(1, lambda: holder.execute("COMMIT")).start()
        assert partition(filled)
        assert [row[5] for row in rows(filled)[:2]] == ["held", "while held"]


def test_page_of_history_touches_one_partition(filled: Engine) -> None:
    partition(filled)
    with reading(filled) as conn:
        driver(conn).execute("""
            INSERT INTO users (username, display_name) VALUES ('one', 'One');
            INSERT INTO conversations (kind, name) SELECT 'group', 'G' FROM generate_series(1, 60);
            INSERT INTO members (conversation_id, user_id) SELECT n, 1 FROM generate_series(1, 60) AS n
        """)
        for read in (
            lambda conn: messages.history(conn, 7, user_id=1, before=40).messages,
            lambda conn: message_life.pins_of(conn, 7, 1),
        ):
            tables = {
                node["Relation Name"]
                for plan in plans_of(conn, read)
                for node in nodes(plan)
                if node.get("Relation Name", "").startswith("messages") and node["Actual Loops"]
            }
            assert len(tables) == 1, tables


def test_command_divides_the_table_and_refuses_bad_counts(filled: Engine, filled_url: str, settings: Settings) -> None:
    env = base_env(DATABASE_URL=filled_url, REDIS_URL=settings.redis_url, SECRET_KEY=settings.secret_key)
    for count in ("1", "257"):
        refused = flask(env, "partition-messages", "--partitions", count)
        assert refused.returncode == 1
        assert refused.stderr == "Error: --partitions must be between 2 and 256.\n"
    before = rows(filled)
    done = flask(env, "partition-messages", "--partitions", "3")
    assert done.returncode == 0, done.stderr
    assert "messages has 3 partitions now." in done.stdout
    assert len(partitions(filled)) == 3
    assert rows(filled) == before
    again = flask(env, "partition-messages")
    assert (again.returncode, again.stdout) == (0, "The table messages is already partitioned.\n")


@pytest.fixture(scope="module")
def divided(settings: Settings) -> Iterator[Engine]:
    """The module's own database."""
    made = create_engine(settings)
    partition(made, 5)
    yield made
    made.dispose()


class TestStore(StoreContract):
    """The store works on partitions as on one table."""

    @pytest.fixture
    def world(self, divided: Engine) -> Iterator[StoredWorld]:
        with reading(divided) as conn:
            yield StoredWorld(divided, conn)
