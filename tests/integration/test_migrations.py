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


USERS_OF_TOKENS = """
    INSERT INTO users (username, display_name, issuer, subject, external_id, deleted_at) VALUES
    ('ada', 'Ada', 'https://one', '4711', NULL, NULL), ('deleted-1', 'x', 'https://two', '4711', NULL, now()),
    ('taker', 'T', NULL, NULL, '4712', NULL), ('late', 'L', 'https://one', '4712', NULL, NULL),
    ('same-1', 'S', 'https://one', '4713', NULL, NULL), ('same-2', 'S', 'https://two', '4713', NULL, NULL),
    ('local', 'L', NULL, NULL, NULL, NULL), ('long', 'L', 'https://one', repeat('x', 200), NULL, NULL)
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


@pytest.mark.parametrize(
    ("before", "revision"),
    [
        ("20261124_1700", "20261124_1710"),
        ("20261128_1840", "20261128_1900"),
        ("20261128_1945", "20261128_2010"),
        ("20261128_2010", "20261128_2030"),
        ("20261128_2030", "20261128_2045"),
        ("20261129_0345", "20261129_0400"),
        ("20261129_0430", "20261129_0500"),
        ("20261129_0540", "20261129_0700"),
        ("20261129_0700", "20261129_0800"),
        ("20261129_0800", "20261129_0820"),
        ("20261129_1040", "20261129_1100"),
        ("20261129_1100", "20261129_1600"),
    ],
)
def test_migration_that_is_no_transaction_can_run_again(database: Engine, before: str, revision: str) -> None:
    """As after a failure at its end: all is done, but Alembic has not noted it."""
    config = config_for(url_of(database))
    command.upgrade(config, revision)
    done = definitions(database)
    command.stamp(config, before)
    command.upgrade(config, revision)
    assert definitions(database) == done


def test_rows_of_shards_go_with_the_downgrade(database: Engine) -> None:
    config = config_for(url_of(database))
    command.upgrade(config, "head")
    with database.begin() as conn:
        conn.execute(text("INSERT INTO log_state (id, epoch) VALUES (2, 7), (64, 1)"))
    command.downgrade(config, "20261129_1600")
    with database.connect() as conn:
        assert conn.execute(text("SELECT id FROM log_state")).scalars().all() == [1]


def test_concurrent_builds_have_long_timeouts() -> None:
    """On a large table, a build takes longer than a release waits for other statements."""
    sources = [path.read_text() for path in (ROOT / "migrations/versions").glob("*.py")]
    building = [source for source in sources if re.search("INDEX CONCURRENTLY|_concurrently=True", source)]
    assert len(building) >= 10
    assert all("while_in_use" in source for source in building)


@pytest.mark.parametrize(
    ("before", "table", "revision"),
    [("20261129_0540", "users", "20261129_0700"), ("20261129_0800", "conversations", "20261129_0820")],
)
def test_index_that_a_failed_build_left_is_built_again(
    database: Engine, before: str, table: str, revision: str
) -> None:
    """A failed concurrent build leaves an index that is not valid. It has the name, but nothing can use it."""
    config = config_for(url_of(database))
    command.upgrade(config, before)
    name = f"ix_{table}_external_id"
    with database.begin() as conn:
        conn.execute(text(f"ALTER TABLE {table} ADD COLUMN external_id text"))
        conn.execute(text(f"CREATE UNIQUE INDEX {name} ON {table} (external_id) WHERE external_id IS NOT NULL"))
        conn.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)"), {"name": name}
        )
    command.upgrade(config, revision)
    with database.connect() as conn:
        is_valid = text("SELECT indisvalid FROM pg_index WHERE indexrelid = CAST(:name AS regclass)")
        assert conn.execute(is_valid, {"name": name}).scalar_one()


def test_changes_of_existing_conversations_are_noted(database: Engine) -> None:
    """More conversations than are filled at once. From then on, changes by the previous release are noted as well."""
    config = config_for(url_of(database))
    command.upgrade(config, "20261129_1100")
    with database.begin() as conn:
        conn.execute(
            text("""
            INSERT INTO users (username, display_name) VALUES ('one', 'One'), ('two', 'Two');
            INSERT INTO conversations (kind, version, last_activity_at)
            SELECT 'group', 1000 + n, to_timestamp(n) FROM generate_series(1, 2500) AS n;
            INSERT INTO members (conversation_id, user_id, left_seq)
            SELECT c, u, CASE WHEN c = 7 AND u = 2 THEN 1 END
            FROM generate_series(1, 2500) AS c, generate_series(1, 2) AS u;
        """)
        )
    command.upgrade(config, "20261129_1600")
    wrong = text("""
        SELECT count(*) FROM members AS m JOIN conversations AS c ON c.id = m.conversation_id
        LEFT JOIN noted_changes AS n ON n.user_id = m.user_id AND n.conversation_id = m.conversation_id
            AND n.noted = c.version AND n.active = c.last_activity_at
        WHERE n.user_id IS NULL
    """)
    with database.begin() as conn:
        assert conn.execute(text("SELECT count(*) FROM noted_changes")).scalar() == 5000
        assert conn.execute(wrong).scalar() == 0
        conn.execute(
            text("UPDATE conversations SET version = 10000, last_activity_at = to_timestamp(10000) WHERE id = 7")
        )
        noted = text("SELECT user_id, noted FROM noted_changes WHERE conversation_id = 7 ORDER BY 1")
        assert [tuple(row) for row in conn.execute(noted)] == [(1, 10_000), (2, 1_007)]


def test_users_of_tokens_get_the_id_of_the_host(database: Engine) -> None:
    """Unless another user has the id, or two issuers use it."""
    config = config_for(url_of(database))
    command.upgrade(config, "20261129_0700")
    with database.begin() as conn:
        conn.execute(text(USERS_OF_TOKENS))
    command.upgrade(config, "20261129_0800")
    with database.connect() as conn:
        ids = dict(conn.execute(text("SELECT username, external_id FROM users WHERE external_id IS NOT NULL")).all())
    assert ids == {"ada": "4711", "taker": "4712"}


def test_reactions_get_one_form_and_other_texts_are_removed(database: Engine) -> None:
    config = config_for(url_of(database))
    command.upgrade(config, "20261129_0330")
    command.downgrade(config, "-1")
    old = [(1, "👍"), (1, "👍\ufe0f"), (2, "👍\ufe0f"), (2, "❤"), (3, "❤️"), (3, ".."), (3, "lol"), (3, "😀😀")]
    add = text("""
        INSERT INTO reactions (conversation_id, seq, user_id, emoji, version, created_at)
        VALUES (1, 1, :u, :e, 1, now())
    """)
    with database.begin() as conn:
        conn.execute(add, [{"u": user, "e": emoji} for user, emoji in old])
    command.upgrade(config, "head")
    with database.connect() as conn:
        found = {tuple(row) for row in conn.execute(text("SELECT user_id, emoji FROM reactions"))}
    assert found == {(1, "👍"), (2, "👍"), (2, "❤️"), (3, "❤️")}


def test_migrations_import_no_models(database: Engine) -> None:
    program = (
        "import sys; from alembic.config import main; main(['upgrade', 'head'])\n"
        "sys.exit(any(name.startswith('app.store') for name in sys.modules))"
    )
    env = base_env(DATABASE_URL=url_of(database), REDIS_URL="redis://unused")
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
