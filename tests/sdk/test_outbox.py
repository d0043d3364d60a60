"""Messages in the transactions of a host: committed is sent once and in order, rolled back is never sent."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from parley_sdk.outbox import Outbox, Relay
from sqlalchemy import Engine, MetaData, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests.sdk.host_database import CONVERSATION, Base, Order, outbox, send, waiting
from tests.sdk.stand_in import StandIn

# -- commits and rollbacks --------------------


def test_committed_messages_are_sent_in_order_and_leave_the_table(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session:
        session.add(Order(name="first"))
        first = send(session, "one")
        assert waiting(host) == 0
        send(session, "two")
        session.commit()
    assert waiting(host) == 2
    assert relay.run_until_empty() == 2
    assert (stand_in.texts, waiting(host)) == (["one", "two"], 0)
    assert stand_in.stored[0] == {"conversation": CONVERSATION, "message": "one", "id": first}


def test_all_fields_arrive(host: Engine, relay: Relay, stand_in: StandIn):
    chosen = str(uuid.uuid4())
    fields = {"kind": "note", "metadata": {"a": [1]}, "attachments": [{"mediaId": chosen}], "silent": True}
    with Session(host) as session:
        outbox(session).send("Hi", recipient="4712", sender=7, id=chosen, reply_to=chosen, **fields)
        session.commit()
    relay.run_until_empty()
    expected = {"recipient": "4712", "sender": 7, "message": "Hi", "id": chosen, "replyTo": chosen, **fields}
    assert stand_in.stored == [expected]


def test_rolled_back_messages_are_never_sent(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session:
        send(session, "never")
        session.flush()
        session.rollback()
        send(session, "sent")
        session.commit()
        send(session, "closed without a commit")
    assert relay.run_until_empty() == 1
    assert stand_in.texts == ["sent"]


def test_a_rolled_back_savepoint_removes_only_its_own_messages(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session:
        send(session, "before")
        with session.begin_nested():
            send(session, "released")
        rolled_back = session.begin_nested()
        send(session, "never")
        session.flush()
        rolled_back.rollback()
        inner = session.begin_nested()
        send(session, "committed with the rest")
        assert inner.is_active
        session.commit()
    relay.run_until_empty()
    assert stand_in.texts == ["before", "released", "committed with the rest"]


def test_a_commit_that_fails_sends_nothing(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session:
        session.add_all([Order(name="same"), Order(name="same")])
        send(session, "never")
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        session.add(Order(name="same"))
        send(session, "sent")
        session.commit()
    relay.run_until_empty()
    assert stand_in.texts == ["sent"]


# -- kinds of sessions --------------------


def test_scoped_sessions(host: Engine, relay: Relay, stand_in: StandIn):
    session = scoped_session(sessionmaker(host))
    send(session, "one")
    session.commit()
    session.remove()
    send(session, "never")
    session.remove()
    relay.run_until_empty()
    assert stand_in.texts == ["one"]


def test_flask_sqlalchemy(host: Engine, relay: Relay, stand_in: StandIn):
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = host.url.render_as_string(hide_password=False)
    db = SQLAlchemy()
    own = Outbox(db.metadata)
    db.init_app(app)
    with app.app_context():
        own(db.session).send("one", conversation=CONVERSATION)
        db.session.commit()
        own(db.session).send("never", conversation=CONVERSATION)
        db.session.rollback()
        db.session.remove()
        db.engine.dispose()
    relay.run_until_empty()
    assert stand_in.texts == ["one"]


def test_asynchronous_sessions(host: Engine, relay: Relay, stand_in: StandIn):
    async def act() -> None:
        engine = create_async_engine(host.url)
        async with AsyncSession(engine) as session:
            send(session, "one")
            await session.commit()
            send(session, "never")
            await session.rollback()
        scoped = async_scoped_session(async_sessionmaker(engine), asyncio.current_task)
        send(scoped, "two")
        await scoped.commit()
        await scoped.remove()
        await engine.dispose()

    asyncio.run(act())
    relay.run_until_empty()
    assert stand_in.texts == ["one", "two"]


def test_a_session_in_a_transaction_of_its_caller(host: Engine, relay: Relay, stand_in: StandIn):
    with host.connect() as connection:
        outer = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            send(session, "never")
            session.commit()
        assert relay.run_until_empty() == 0
        outer.rollback()
    with host.begin() as connection, Session(connection) as session:
        send(session, "one")
        session.flush()
    relay.run_until_empty()
    assert stand_in.texts == ["one"]


# -- wrong uses --------------------


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, ValueError),
        ({"conversation": "a", "recipient": "b", "sender": "c"}, ValueError),
        ({"recipient": "b"}, ValueError),
        ({"conversation": "a", "id": "no uuid"}, ValueError),
        ({"conversation": "a", "metadata": {"at": object()}}, TypeError),
        ({"conversation": "a", "metadata": {"weight": float("nan")}}, ValueError),
        ({"conversation": "a", "message": None}, TypeError),
        ({"conversation": "a", "message": "half a pair: \ud83d"}, ValueError),
    ],
)
def test_unsendable_messages_are_refused_at_once(host: Engine, fields: dict[str, Any], error: type[Exception]):
    with Session(host) as session:
        with pytest.raises(error):
            outbox(session).send(**{"message": "Hi", **fields})
        session.commit()
    assert waiting(host) == 0


def test_other_objects_are_refused():
    with pytest.raises(TypeError, match="session"):
        send(object(), "never")


def test_the_same_id_twice_fails_with_the_commit(host: Engine, relay: Relay, stand_in: StandIn):
    chosen = str(uuid.uuid4())
    for expected in (None, IntegrityError):
        with Session(host) as session:
            outbox(session).send("Hi", conversation=CONVERSATION, id=chosen)
            if expected is None:
                session.commit()
            else:
                with pytest.raises(expected):
                    session.commit()
    relay.run_until_empty()
    assert stand_in.texts == ["Hi"]


# -- order --------------------


def test_the_order_is_that_of_the_commits(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as slow, Session(host) as quick:
        send(slow, "written first, committed second")
        slow.flush()
        send(quick, "committed first")
        quick.commit()
        slow.commit()
    relay.run_until_empty()
    assert stand_in.texts == ["committed first", "written first, committed second"]


def test_transactions_of_one_conversation_wait_for_each_other_only_while_they_commit(host: Engine):
    with Session(host) as one, Session(host) as two:
        send(one, "a")
        one.flush()
        send(two, "b")
        two.commit()
        one.commit()
    assert waiting(host) == 2


def test_two_lanes_in_opposite_order_do_not_deadlock(host: Engine, relay: Relay, stand_in: StandIn):
    def act(number: int) -> None:
        with Session(host) as session:
            lanes = ("a", "b") if number % 2 else ("b", "a")
            for lane in lanes:
                send(session, f"{lane}{number}", lane)
                session.flush()
            session.commit()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(act, range(200)))
    assert relay.run_until_empty() == 400
    by_lane = [[m["message"][1:] for m in stand_in.stored if m["conversation"] == lane] for lane in "ab"]
    assert by_lane[0] == by_lane[1], "both lanes have the order of the commits"
    assert sorted(by_lane[0]) == sorted(map(str, range(200)))


def test_alembic_creates_the_table_and_finds_no_difference_afterwards(host: Engine):
    with host.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        connection.execute(text("CREATE SCHEMA empty"))
        connection.execute(text("SET search_path TO empty"))
        missing = compare_metadata(MigrationContext.configure(connection), Outbox(MetaData()).table.metadata)
        connection.rollback()
    assert sorted(change[0] for change in missing) == ["add_index", "add_table"]
