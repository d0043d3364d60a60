"""Migrations build indexes of ``messages`` whether an operator has partitioned it or not."""

from __future__ import annotations

import re

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, NullPool, create_engine, exc, text

from migrations.in_use import build_index, setting
from tests.integration.store.partition_runs import partition, session
from tests.support.processes import ROOT

DEFINITION = "(conversation_id, kind) WHERE shadow"
VALID = "SELECT bool_and(indisvalid), count(*) FROM pg_index WHERE CAST(indexrelid::regclass AS text) ~ '^ix_added'"
# The migrations up to this one were there before a table could be partitioned.
FIRST = "20261129_1600"


def build(url: str) -> None:
    with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as conn:
        before = setting(conn, "lock_timeout")
        with Operations.context(MigrationContext.configure(conn)):
            build_index("ix_added", "messages", DEFINITION)
        assert setting(conn, "lock_timeout") == before


@pytest.mark.parametrize("count", [0, 3])
def test_index_is_built_on_both_layouts_and_again(filled: Engine, filled_url: str, count: int) -> None:
    if count:
        partition(filled, count)
    with session(filled_url) as conn:
        for _ in range(2):
            build(filled_url)
            assert conn.execute(VALID).fetchone() == (True, count + 1)
        if count:  # as after a failure at the last partition
            conn.execute("DROP INDEX ix_added")
            conn.execute(f"CREATE INDEX ix_added ON ONLY messages {DEFINITION}")
            conn.execute(f"CREATE INDEX ix_added_p0 ON messages_p0 {DEFINITION}")
            build(filled_url)
            assert conn.execute(VALID).fetchone() == (True, count + 1)


def test_writers_do_not_wait_long_for_the_index_of_a_partitioned_table(filled: Engine, filled_url: str) -> None:
    partition(filled, 2)
    with session(filled_url) as writer:
        writer.execute("BEGIN")
        writer.execute("UPDATE messages SET body = 'held' WHERE conversation_id = 1")
        with pytest.raises(exc.OperationalError, match="lock timeout"):
            build(filled_url)
        writer.execute("COMMIT")
    build(filled_url)


def test_migrations_leave_partitions_to_build_index() -> None:
    later = [path for path in (ROOT / "migrations/versions").glob("*.py") if path.name[: len(FIRST)] > FIRST]
    for path in later:
        assert not re.search(r"CONCURRENTLY[^;\"]* ON messages\b", path.read_text()), path.name


def test_columns_reach_all_partitions(filled: Engine, filled_url: str) -> None:
    partition(filled, 2)
    with filled.begin() as conn:
        conn.execute(text("ALTER TABLE messages ADD COLUMN added boolean NOT NULL DEFAULT false"))
        assert conn.execute(text("SELECT count(*) FROM messages_p1 WHERE NOT added")).scalar_one() > 0
