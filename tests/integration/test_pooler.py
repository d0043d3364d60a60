"""Parley behind a pooler that gives each transaction another server connection and takes no start-up options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from alembic import command
from sqlalchemy import URL, Engine, make_url, text

from app.config import Settings
from app.message_log.shards import Shards
from app.services.metrics.deployment_risks import find_risks
from app.store.connections import (
    WORKER_SECONDS,
    drop_role_settings,
    give_role_settings,
    missing_settings,
    session_settings,
)
from app.store.engine import create_engine, reading, writing
from app.store.replica import StoreReads
from dev.embedded import EmbeddedStores
from dev.processes import wait_until
from tests.conftest import StackFactory
from tests.integration.test_migrations import config_for
from tests.support.clients import WsClient, register
from tests.support.commands import flask
from tests.support.patience import PATIENCE
from tests.support.private_stack import running
from tests.support.processes import Stack, base_env
from tests.support.transaction_pooler import TransactionPooler

SERVERS = 3
# All state that a session can leave for the next client of its server connection.
LEFT_BEHIND = """
    SELECT name || '=' || setting FROM pg_settings WHERE source = 'session'
    UNION ALL SELECT 'prepared ' || statement FROM pg_prepared_statements
    UNION ALL SELECT 'listens to ' || channel FROM pg_listening_channels() AS channel
    UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relpersistence = 't'
"""


def pooler_to(url: str, *, user: str = "postgres") -> TransactionPooler:
    there = make_url(url)
    assert there.host
    assert there.port
    assert there.database
    return TransactionPooler(there.host, there.port, there.database, user=user, servers=SERVERS)


@pytest.fixture
def pooler(database_url: str) -> Iterator[TransactionPooler]:
    with pooler_to(database_url) as running:
        yield running


@pytest.fixture
def pooled(settings: Settings, pooler: TransactionPooler) -> Settings:
    return replace(settings, database_url=pooler.url(), db_prepared_statements=False)


@pytest.fixture
def engine(pooled: Settings, pooler: TransactionPooler) -> Iterator[Engine]:
    with new_engine(pooled, pooler) as made:
        yield made


@contextmanager
def new_engine(settings: Settings, pooler: TransactionPooler) -> Iterator[Engine]:
    made = create_engine(replace(settings, database_url=pooler.url(), db_prepared_statements=False))
    yield made
    made.dispose()


@pytest.fixture
def role_settings(settings: Settings) -> Iterator[None]:
    direct = create_engine(settings)
    with writing(direct) as conn:
        give_role_settings(conn, settings.db_timeout_seconds)
    yield
    with writing(direct) as conn:
        drop_role_settings(conn)
    direct.dispose()


@pytest.fixture
def workers_role(settings: Settings) -> Iterator[str]:
    """A role of the workers, as docs/operations.md makes it, with the settings of the command."""
    direct = create_engine(settings)
    with writing(direct) as conn:
        conn.execute(text("CREATE ROLE parley_workers LOGIN IN ROLE postgres"))
    give_settings(make_url(settings.database_url).set(username="parley_workers"), settings, "--workers")
    yield "parley_workers"
    with writing(direct) as conn:
        conn.execute(text("DROP OWNED BY parley_workers"))
        conn.execute(text("DROP ROLE parley_workers"))
    direct.dispose()


def give_settings(url: URL, settings: Settings, *options: str) -> None:
    """Runs ``pooler-settings``."""
    env = base_env(
        DATABASE_URL=url.render_as_string(hide_password=False),
        REDIS_URL=settings.redis_url,
        SECRET_KEY=settings.secret_key,
        DB_PREPARED_STATEMENTS="false",
    )
    done = flask(env, "pooler-settings", *options)
    assert done.returncode == 0, done.stderr


def one(engine: Engine, statement: str, **values: Any) -> Any:
    with reading(engine) as conn:
        return conn.execute(text(statement), values).scalar()


def left_behind(engine: Engine) -> set[str]:
    """Returns what all server connections of the pooler keep."""
    seen: set[int] = set()
    found: set[str] = set()
    statement = text(f"SELECT pg_backend_pid(), ARRAY({LEFT_BEHIND})")

    def all_seen() -> bool:
        with reading(engine) as conn:
            pid, kept = conn.execute(statement).one()
        seen.add(pid)
        found.update(kept)
        return len(seen) == SERVERS

    wait_until(all_seen, PATIENCE, "a look at every server connection")
    return found


def test_the_engine_starts_although_the_pooler_refuses_options(engine: Engine, pooler: TransactionPooler) -> None:
    with writing(engine) as conn:
        first = conn.execute(text("SELECT pg_backend_pid()")).scalar()
        assert conn.execute(text("SELECT pg_backend_pid()")).scalar() == first
    assert one(engine, "SELECT pg_backend_pid()") != first
    engine.dispose()
    assert one(engine, "SELECT 1") == 1
    assert pooler.refused == ["options"], "each connection tried the options again"


@pytest.mark.usefixtures("role_settings")
def test_the_settings_of_the_role_reach_every_session(settings: Settings) -> None:
    seconds = settings.db_timeout_seconds
    with pooler_to(settings.database_url) as pooler, new_engine(settings, pooler) as engine:
        for _ in range(SERVERS):
            with reading(engine) as conn:
                assert missing_settings(conn, seconds) == []
                assert missing_settings(conn, 2 * seconds) == ["statement_timeout", "lock_timeout"]


def test_the_command_gives_and_removes_the_settings(pooled: Settings, settings: Settings) -> None:
    def missing_after(*options: str) -> list[str]:
        give_settings(make_url(pooled.database_url), settings, *options)
        with pooler_to(settings.database_url) as fresh, new_engine(pooled, fresh) as engine, reading(engine) as conn:
            return missing_settings(conn, settings.db_timeout_seconds)

    assert missing_after() == []
    assert missing_after("--remove") == list(session_settings(settings.db_timeout_seconds))


@pytest.mark.usefixtures("role_settings")
def test_a_role_of_the_workers_gives_them_their_own_timeouts(settings: Settings, workers_role: str) -> None:
    def missing(role: str, seconds: float) -> list[str]:
        there = pooler_to(settings.database_url, user=role)
        with there as pooler, new_engine(settings, pooler) as engine, reading(engine) as conn:
            return missing_settings(conn, seconds)

    assert missing(workers_role, WORKER_SECONDS) == []
    assert missing("postgres", settings.db_timeout_seconds) == []


@pytest.mark.usefixtures("role_settings")
def test_workers_of_their_own_role_store_messages(
    stores: EmbeddedStores, settings: Settings, workers_role: str, work_dir: Path
) -> None:
    env = {"DB_PREPARED_STATEMENTS": "false"}
    urls = {"database_url": settings.database_url, "redis_url": settings.redis_url}
    stack = Stack(stores, work_dir / "workers-role", env=env, **urls)
    with pooler_to(settings.database_url, user=workers_role) as pooler:
        stack.workers[0].env["DATABASE_URL"] = pooler.url()
        with running(stack):
            ann, ben = (register(stack.base_url) for _ in range(2))
            sender = WsClient(stack.base_url, ann).join()
            acks = [sender.send(f"text {n}", receiver_id=ben.user_id) for n in range(20)]
            page = sender.rest.history(acks[0]["conversationId"])
            sender.finish()
    assert [message["id"] for message in page["messages"]] == [ack["id"] for ack in acks]


def test_a_role_without_settings_is_a_risk(engine: Engine, pooled: Settings, redis_client: redis.Redis) -> None:
    redis_client.config_set("appendonly", "yes")
    (risk,) = find_risks(Shards([redis_client]), engine, StoreReads(engine), settings=pooled)
    assert "statement_timeout" in risk
    assert "flask --app wsgi pooler-settings" in risk


def test_migrations_leave_nothing_behind(empty_database_url: str, settings: Settings) -> None:
    with pooler_to(empty_database_url) as pooler:
        command.upgrade(config_for(pooler.url()), "head")
        with new_engine(settings, pooler) as engine:
            assert one(engine, "SELECT count(*) FROM log_state") == 1
            assert left_behind(engine) == set()


@pytest.mark.usefixtures("role_settings")
def test_a_migration_that_would_be_cut_short_does_not_begin(settings: Settings, pooled: Settings) -> None:
    through_pooler, direct = config_for(pooled.database_url), config_for(settings.database_url)
    command.upgrade(through_pooler, "head")  # nothing is left to do
    command.downgrade(direct, "-1")
    with pooler_to(settings.database_url) as pooler, pytest.raises(SystemExit, match="DATABASE_DIRECT_URL"):
        command.upgrade(config_for(pooler.url()), "head")
    command.upgrade(direct, "head")


@pytest.mark.usefixtures("role_settings")
def test_a_chat_behind_the_pooler_works_and_leaves_nothing_behind(
    make_stack: StackFactory, pooler: TransactionPooler, engine: Engine
) -> None:
    stack = make_stack(database_url=pooler.url(), env={"DB_PREPARED_STATEMENTS": "false"})
    ann, ben = (register(stack.base_url) for _ in range(2))
    sender, receiver = (WsClient(stack.base_url, account).join() for account in (ann, ben))
    acks = [sender.send(f"text {n}", receiver_id=ben.user_id) for n in range(20)]
    assert receiver.next_message(acks[-1]["id"])["message"] == "text 19"
    page = receiver.rest.history(acks[0]["conversationId"])
    for client in (sender, receiver):
        client.finish()
    assert [message["id"] for message in page["messages"]] == [ack["id"] for ack in acks]
    warnings = httpx.get(f"{stack.base_url}/readyz?verbose").json()["warnings"]
    assert not [warning for warning in warnings if "pooler" in warning]
    assert left_behind(engine) == set()
