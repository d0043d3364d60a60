"""Migrations work on a live database: up, down and up again, one release at a time, and equal to the models."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, exc, text

from app.store.models import Base
from dev.embedded import EmbeddedStores
from tests.support.processes import ROOT, base_env

# Everything that defines a table: columns, constraints, indexes, storage. One line each, comparable as text.
DEFINITIONS = """
    SELECT concat_ws(' ', table_name, column_name, data_type, datetime_precision, is_nullable, column_default,
                     is_identity) FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT concat_ws(' ', relname, reloptions::text)
              FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


def config_for(url: str, **attributes: Any) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes.update(database_url=url, configure_logging=False, **attributes)
    return config


def definitions(engine: Engine) -> set[str]:
    with engine.connect() as conn:
        lines = set(conn.execute(text(DEFINITIONS)).scalars())
    return {line for line in lines if "alembic_version" not in line}


@pytest.fixture
def database(stores: EmbeddedStores, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database for one test."""
    name = "m_" + re.sub(r"\W", "_", request.node.name)[:40]
    stores.postgres.create_database(name)
    engine = create_engine(stores.postgres.url(name, scheme="postgresql+psycopg"))
    yield engine
    engine.dispose()
    stores.postgres.drop_database(name)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_up_down_up_leaves_the_same_schema(database: Engine) -> None:
    config = config_for(url_of(database))
    command.upgrade(config, "head")
    first = definitions(database)
    command.downgrade(config, "base")
    assert definitions(database) == set()
    command.upgrade(config, "head")
    assert definitions(database) == first


def test_models_match_the_migrated_schema(database: Engine, engine: Engine) -> None:
    Base.metadata.create_all(database)
    assert definitions(database) == definitions(engine)
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_history_is_linear_with_dated_names() -> None:
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    assert len(scripts.get_heads()) == 1
    revisions = list(scripts.walk_revisions())
    assert all(isinstance(r.down_revision, str | None) for r in revisions)
    assert all(re.match(rf"{r.revision}_\w+\.py$", r.path.rsplit("/", 1)[-1]) for r in revisions)
    assert [r.revision for r in revisions] == sorted((r.revision for r in revisions), reverse=True)


def test_two_simultaneous_releases_do_not_collide(database: Engine) -> None:
    env = base_env(DATABASE_URL=url_of(database), REDIS_URL="redis://unused")
    upgrade = [sys.executable, "-m", "alembic", "upgrade", "head"]
    running = [subprocess.Popen(upgrade, cwd=ROOT, env=env, stderr=subprocess.PIPE) for _ in range(2)]
    results = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert [code for _, code in results] == [0, 0], results
    with database.connect() as conn:
        assert conn.execute(text("SELECT epoch FROM log_state")).scalars().all() == [1]


def test_locked_table_fails_the_release_and_changes_nothing(database: Engine) -> None:
    config = config_for(url_of(database), lock_timeout="200ms")
    command.upgrade(config, "20261122_1500")
    before = definitions(database)
    with database.begin() as conn:
        conn.execute(text("LOCK TABLE messages"))
        started = time.monotonic()
        with pytest.raises(exc.OperationalError, match="lock timeout"):
            command.upgrade(config, "head")
        assert time.monotonic() - started < 60, "a release must not wait for a lock without end"
    assert definitions(database) == before


def test_second_release_waits_for_the_first(database: Engine) -> None:
    config = config_for(url_of(database))
    key = {"key": 0x5041524C4559}
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SELECT pg_advisory_lock(:key)"), key)
        second = threading.Thread(target=command.upgrade, args=(config, "head"))
        second.start()
        second.join(2)
        assert second.is_alive()
        assert definitions(database) == set()
        conn.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        second.join(20)
    assert definitions(database) != set()


OLD_ROWS = """
    INSERT INTO users (username, display_name) SELECT 'old' || n, 'Old' FROM generate_series(1, 3) AS n;
    INSERT INTO conversations (kind, direct_low, direct_high) VALUES ('direct', 1, 2), ('direct', 3, 3);
    INSERT INTO members (conversation_id, user_id) VALUES (1, 1), (1, 2), (2, 3);
    INSERT INTO messages (conversation_id, seq, id, sender_id, kind, body, version, sent_at)
    SELECT c, s, gen_random_uuid(), 1, 'text', 'x', 1000 * s + c, now()
    FROM generate_series(1, 2) AS c, generate_series(1, 10500) AS s;
"""


def test_existing_rows_are_backfilled(database: Engine) -> None:
    """More rows than one batch fills, and a second run after a failure half-way."""
    config = config_for(url_of(database))
    command.upgrade(config, "20261122_1500")
    with database.begin() as conn:
        conn.execute(text(OLD_ROWS))
    command.upgrade(config, "20261124_1700")
    with database.begin() as conn:
        conn.execute(text("CREATE INDEX ix_messages_pinned ON messages (seq)"))  # as left by a failed run
    command.upgrade(config, "head")
    with database.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM messages WHERE created_version <> version")).scalar() == 0
        counts = conn.execute(text("SELECT member_count FROM conversations ORDER BY id")).scalars().all()
        assert counts == [2, 1]


def test_migrations_import_no_models(database: Engine) -> None:
    program = (
        "import sys; from alembic.config import main; main(['upgrade', 'head'])\n"
        "sys.exit(any(name.startswith('app.store') for name in sys.modules))"
    )
    env = base_env(DATABASE_URL=url_of(database), REDIS_URL="redis://unused")
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
