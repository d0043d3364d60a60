"""The outbox in SQLite, on which many hosts develop: the same promises, by leases instead of row locks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from parley_sdk import ParleyServer, Retry
from parley_sdk.flask import ParleyExtension
from parley_sdk.outbox import OutboxUnsupported, Relay, show_backlog, sqlite_queue, try_again
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from dev.processes import wait_until
from tests.sdk.host_database import CONVERSATION, Base, Order, commit, outbox, send, waiting
from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE


@pytest.fixture
def host(sqlite_host: Engine) -> Engine:
    return sqlite_host


@pytest.fixture
def server(stand_in: StandIn) -> Iterator[ParleyServer]:
    with ParleyServer(stand_in.base_url, "psk_test", trust_env=False, retry=Retry(attempts=1)) as client:
        yield client


def test_committed_messages_are_sent_in_order_and_rolled_back_ones_never(
    host: Engine, relay: Relay, stand_in: StandIn
) -> None:
    with Session(host) as session:
        session.add(Order(name="first"))
        chosen = send(session, "one")
        session.flush()
        send(session, "two")
        session.commit()
        send(session, "never")
        session.flush()
        session.rollback()
        session.add_all([Order(name="first")])
        send(session, "never either")
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        send(session, "three")
        session.commit()
    assert relay.run_until_empty() == 3
    assert (stand_in.texts, waiting(host)) == (["one", "two", "three"], 0)
    assert stand_in.stored[0] == {"conversation": CONVERSATION, "message": "one", "id": chosen}


def test_a_rolled_back_savepoint_removes_only_its_own_messages(host: Engine, relay: Relay, stand_in: StandIn) -> None:
    """With the transactions that the documentation of SQLAlchemy recommends for savepoints in SQLite."""

    @event.listens_for(host, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(host, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    host.dispose()
    with Session(host) as session:
        send(session, "before")
        rolled_back = session.begin_nested()
        send(session, "never")
        session.flush()
        rolled_back.rollback()
        with session.begin_nested():
            send(session, "after")
        session.commit()
    relay.run_until_empty()
    assert stand_in.texts == ["before", "after"]


def test_flask_sqlalchemy_and_the_relay_after_the_commit(tmp_path: Path, stand_in: StandIn) -> None:
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/flask.db"
    app.config |= {
        "PARLEY_URL": stand_in.base_url,
        "PARLEY_KEY": "psk_test",
        "PARLEY_CLIENT_OPTIONS": {"trust_env": False},
    }
    db = SQLAlchemy()
    parley = ParleyExtension(app, metadata=db.metadata)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        parley.outbox(db.session).send("one", conversation=CONVERSATION)
        db.session.commit()
        parley.outbox(db.session).send("never", conversation=CONVERSATION)
        db.session.rollback()
        stand_in.wait_for(lambda: stand_in.texts == ["one"])
        wait_until(lambda: not db.session.execute(db.select(parley.outbox_table)).all(), PATIENCE, "an empty outbox")
        app.extensions["parley"].background.stop(PATIENCE)
        parley.server.close()
        db.session.remove()
        db.engine.dispose()
    assert stand_in.texts == ["one"]


def test_the_host_writes_while_a_relay_sends(host: Engine, relay: Relay, stand_in: StandIn) -> None:
    commit(host, "one")
    quick = create_engine(host.url, connect_args={"timeout": 0})
    stand_in.before_answer = lambda: commit(quick, "meanwhile", conversation="other")
    assert relay.run_once() == 1
    stand_in.before_answer = lambda: None
    relay.run_until_empty()
    assert stand_in.texts == ["one", "meanwhile"]
    quick.dispose()


def test_rows_of_a_dead_relay_are_sent_again_when_its_lease_ends(
    host: Engine, relay: Relay, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(host, "one", "two")
    died = relay._queue.claim("")
    died.__enter__()  # and nothing afterwards
    assert relay.run_until_empty() == 0, "its first row holds back the lane"
    monkeypatch.setattr(sqlite_queue.SqliteQueue, "now", _later(sqlite_queue.LEASE))
    assert relay.run_until_empty() == 2
    assert stand_in.texts == ["one", "two"]


def _later(by: timedelta) -> Any:
    real = sqlite_queue.SqliteQueue.now
    return lambda self: real(self) + by


def test_postponed_and_refused_messages(host: Engine, relay: Relay, stand_in: StandIn) -> None:
    stuck = {"status": 503, "code": "overloaded", "retryAfter": 3600}
    answers = {"stuck": stuck, "refused": {"status": 404, "code": "not_found", "detail": "no such conversation"}}
    stand_in.answer = lambda message: answers.get(message["message"])
    commit(host, "refused", "one")
    commit(host, "stuck", "behind", conversation="other")
    relay.run_until_empty()
    assert stand_in.texts == ["one"]
    backlog = show_backlog(outbox.table, host)
    assert (backlog.waiting, [f.error for f in backlog.failed]) == (2, ["404 not_found: no such conversation"])
    assert backlog.oldest is not None
    assert (backlog.oldest.tzinfo, backlog.failed[0].failed_at.tzinfo) == (UTC, UTC)
    stand_in.answer = lambda _: None
    assert try_again(outbox.table, host) == 1
    relay.run_until_empty()
    assert stand_in.texts == ["one", "refused"]


def test_alembic_finds_no_difference(host: Engine) -> None:
    with host.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        sql = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'ix_parley_outbox_waiting'"))
        assert "WHERE failed_at IS NULL" in sql.scalar_one()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_takes_messages_but_has_no_relay(url: str, server: ParleyServer) -> None:
    engine = create_engine(url, poolclass=StaticPool)
    Base.metadata.create_all(engine)
    commit(engine, "one")
    with pytest.raises(OutboxUnsupported, match="in memory"):
        Relay(outbox.table, engine, server).run_once()
    assert waiting(engine) == 1
    engine.dispose()


def test_other_databases_and_engines_are_refused(server: ParleyServer, host: Engine) -> None:
    class Other:
        name = "oracle"

    host.dialect.name = "oracle"  # no driver of another database is installed
    try:
        with Session(host) as session, pytest.raises(OutboxUnsupported, match="PostgreSQL or SQLite, not oracle"):
            send(session, "never")
        with pytest.raises(OutboxUnsupported, match="oracle"):
            Relay(outbox.table, host, server)
    finally:
        host.dialect.name = "sqlite"
    with pytest.raises(TypeError, match="synchronous engine"):
        Relay(outbox.table, create_async_engine("postgresql+psycopg://"), server)  # type: ignore[arg-type]


def test_a_relay_that_cannot_work_leaves_the_commit_alone(stand_in: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask("shop")
    app.config |= {"SQLALCHEMY_DATABASE_URI": "sqlite://", "PARLEY_URL": stand_in.base_url, "PARLEY_KEY": "psk_test"}
    db = SQLAlchemy()
    parley = ParleyExtension(app, metadata=db.metadata)
    db.init_app(app)
    with app.app_context(), caplog.at_level(logging.WARNING):
        db.create_all()
        parley.outbox(db.session).send("one", conversation=CONVERSATION)
        db.session.commit()
        wait_until(lambda: "in memory" in caplog.text, PATIENCE, "the warning")
        app.extensions["parley"].background.stop(PATIENCE)
        parley.server.close()
        assert len(db.session.execute(db.select(parley.outbox_table)).all()) == 1
        db.session.remove()
        db.engine.dispose()
