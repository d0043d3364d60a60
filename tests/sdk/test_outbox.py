"""Messages in the transactions of a host: committed is sent once and in order, rolled back is never sent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from parley_sdk import APIError, ParleyServer, Retry, Unauthorized
from parley_sdk.outbox import BackgroundRelay, Outbox, Relay, show_backlog, try_again
from sqlalchemy import Engine, MetaData, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from dev.processes import wait_until
from tests.sdk.host_database import CONVERSATION, QUICK, Base, Order, commit, outbox, running, send, waiting
from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE


@pytest.fixture
def relay(host: Engine, stand_in: StandIn) -> Iterator[Relay]:
    with ParleyServer(stand_in.base_url, "psk_test", trust_env=False, retry=Retry(attempts=1)) as server:
        yield Relay(outbox.table, host, server, pauses=QUICK)


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


def test_several_relays_keep_order_and_send_once(host: Engine, stand_in: StandIn):
    lanes = [f"lane-{number}" for number in range(5)]

    def write(lane: str) -> None:
        for number in range(30):
            commit(host, f"{number}", conversation=lane)

    with contextlib.ExitStack() as stack:
        for _ in range(4):
            server = stack.enter_context(ParleyServer(stand_in.base_url, "psk_test", trust_env=False))
            stack.enter_context(running(Relay(outbox.table, host, server, pauses=QUICK)))
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(write, lanes))
        stand_in.wait_for(lambda: len(stand_in.stored) == 150)
    for lane in lanes:
        sent = [m["message"] for m in stand_in.stored if m["conversation"] == lane]
        assert sent == [str(number) for number in range(30)]
    assert len([m for batch in stand_in.requests for m in batch]) == 150, "no message was sent twice"
    assert waiting(host) == 0


def test_alembic_creates_the_table_and_finds_no_difference_afterwards(host: Engine):
    with host.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        connection.execute(text("CREATE SCHEMA empty"))
        connection.execute(text("SET search_path TO empty"))
        missing = compare_metadata(MigrationContext.configure(connection), Outbox(MetaData()).table.metadata)
        connection.rollback()
    assert sorted(change[0] for change in missing) == ["add_index", "add_table"]


# -- failures --------------------


def test_a_lost_answer_is_sent_again_with_the_same_id(host: Engine, relay: Relay, stand_in: StandIn):
    def fail() -> None:
        stand_in.before_answer = lambda: None
        raise ConnectionResetError

    stand_in.before_answer = fail
    commit(host, "one", "two")
    with pytest.raises(Exception, match="disconnected"):
        relay.run_once()
    assert waiting(host) == 2
    relay.run_until_empty()
    assert stand_in.texts == ["one", "two"]
    first, second, _ = stand_in.requests
    assert first == second


@pytest.mark.parametrize(
    "first",
    [{"status": "accepted", "id": "x"}, {"status": 503, "code": "overloaded"}, {"status": 429, "code": "rate_limited"}],
)
def test_a_message_that_is_not_stored_yet_holds_back_the_next(
    host: Engine, relay: Relay, stand_in: StandIn, first: dict[str, Any]
):
    answers = [first, first]
    stand_in.answer = lambda message: answers.pop() if message["message"] == "one" and answers else None
    commit(host, "one", "two")
    with running(relay):
        wait_until(lambda: waiting(host) == 0, PATIENCE, "the outbox is empty")
    assert stand_in.texts == ["one", "two"]
    assert [m["message"] for batch in stand_in.requests for m in batch] == ["one", "one", "one", "two"]


def test_one_stuck_conversation_does_not_hold_up_others(host: Engine, relay: Relay, stand_in: StandIn):
    stuck = {"status": 503, "code": "overloaded", "retryAfter": 3600}
    stand_in.answer = lambda message: stuck if message["conversation"] == "a" else None
    commit(host, "stuck", conversation="a")
    commit(host, "one", "two", conversation="b")
    relay.run_until_empty()
    assert stand_in.texts == ["one", "two"]
    assert show_backlog(outbox.table, host).waiting == 1


def test_refused_messages_are_set_aside_and_can_be_tried_again(host: Engine, relay: Relay, stand_in: StandIn):
    refusal = {"status": 404, "code": "not_found", "detail": "no such conversation"}
    stand_in.answer = lambda message: refusal if message["message"] == "refused" else None
    commit(host, "one", "refused", "two")
    assert relay.run_until_empty() == 3
    assert stand_in.texts == ["one", "two"]
    backlog = show_backlog(outbox.table, host)
    (failed,) = backlog.failed
    assert (backlog.waiting, failed.request["message"]) == (0, "refused")
    assert failed.error == "404 not_found: no such conversation"
    stand_in.answer = lambda _: None
    assert try_again(outbox.table, host, [uuid.uuid4()]) == 0
    assert try_again(outbox.table, host, [failed.id]) == 1
    relay.run_until_empty()
    assert stand_in.texts == ["one", "two", "refused"]


def test_a_message_that_spoils_its_batch_is_found(host: Engine, relay: Relay, stand_in: StandIn, monkeypatch: Any):
    """Parley may refuse a whole batch because one of its messages cannot be read."""
    from parley_sdk import Invalid

    batch = relay._server.messages.send_many

    def refusing(messages: list[dict[str, Any]]) -> Any:
        if any(message["message"] == "bad" for message in messages):
            raise Invalid(422, {"code": "invalid", "errors": [{"field": "messages[0]", "message": "no"}]})
        return batch(messages)

    monkeypatch.setattr(relay._server, "messages", type("Messages", (), {"send_many": staticmethod(refusing)}))
    for lane, message in (("a", "one"), ("b", "bad"), ("c", "two")):
        commit(host, message, conversation=lane)
    assert relay.run_until_empty() == 3
    assert sorted(stand_in.texts) == ["one", "two"]
    assert [f.request["message"] for f in show_backlog(outbox.table, host).failed] == ["bad"]


def test_a_message_that_makes_the_server_fail_holds_up_only_its_lane(
    host: Engine, relay: Relay, stand_in: StandIn, caplog: Any
):
    """Every batch with this message is answered with 500."""
    failing = {"bad"}
    stand_in.fails = lambda messages: 500 if failing & {message["message"] for message in messages} else None
    for lane, message in (("a", "one"), ("b", "bad"), ("c", "two"), ("b", "behind")):
        commit(host, message, conversation=lane)
    relay.run_once()
    assert sorted(stand_in.texts) == ["one", "two"]
    assert show_backlog(outbox.table, host).waiting == 2
    assert "500 internal" in caplog.text
    failing.clear()
    with running(relay):
        stand_in.wait_for(lambda: stand_in.texts[2:] == ["bad", "behind"])


@pytest.mark.parametrize("status", [404, 403, 503])
def test_an_answer_that_is_about_the_server_sets_nothing_aside(
    host: Engine, relay: Relay, stand_in: StandIn, status: int
):
    """For example of another server, at a wrong address."""
    stand_in.fails = lambda _: status
    commit(host, "one")
    with pytest.raises(APIError):
        relay.run_once()
    stand_in.fails = lambda _: None
    relay.run_until_empty()
    assert stand_in.texts == ["one"]


@pytest.mark.parametrize(("status", "code"), [(403, "suspended"), (403, "new_code"), (501, "media_off")])
def test_every_refusal_for_good_is_set_aside(host: Engine, relay: Relay, stand_in: StandIn, status: int, code: str):
    stand_in.answer = lambda message: {"status": status, "code": code} if message["message"] == "refused" else None
    commit(host, "refused", "next")
    relay.run_until_empty()
    assert stand_in.texts == ["next"]
    assert [failed.error for failed in show_backlog(outbox.table, host).failed] == [f"{status} {code}: "]


def test_a_wrong_key_loses_nothing(host: Engine, relay: Relay, stand_in: StandIn, monkeypatch: Any):
    def refuse(_: Any) -> Any:
        raise Unauthorized(401, {"code": "unauthorized"})

    commit(host, "one")
    with monkeypatch.context() as patch:
        patch.setattr(relay._server, "messages", type("Messages", (), {"send_many": staticmethod(refuse)}))
        with pytest.raises(Unauthorized):
            relay.run_once()
    relay.run_until_empty()
    assert stand_in.texts == ["one"]


def test_a_backlog_of_many_lanes_is_sent_in_turns(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session, session.begin():
        for number in range(250):
            send(session, "one", f"lane-{number}")
            send(session, "two", f"lane-{number}")
    assert relay.run_until_empty() == 500
    assert {m["message"] for m in stand_in.stored[:250]} == {"one"}
    assert max(map(len, stand_in.requests)) == 100


def test_a_relay_that_must_stop_finishes_only_its_batch(host: Engine, relay: Relay, stand_in: StandIn):
    stop = threading.Event()
    stand_in.before_answer = stop.set
    commit(host, *map(str, range(10)))
    relay.run_forever(stop)
    assert (stand_in.texts, waiting(host)) == (["0"], 9)


def test_an_engine_without_transactions_keeps_the_locks(host: Engine, stand_in: StandIn):
    """Two relays at the same time would otherwise send one message twice, and overtake."""
    engine = host.execution_options(isolation_level="AUTOCOMMIT")
    commit(host, "one")
    with ParleyServer(stand_in.base_url, "psk_test", trust_env=False) as server:
        first, second = Relay(outbox.table, engine, server), Relay(outbox.table, engine, server)
        found: list[int] = []

        def look() -> None:
            stand_in.before_answer = lambda: None
            found.append(second.run_once())

        stand_in.before_answer = look
        assert first.run_once() == 1
    assert (found, len(stand_in.requests)) == ([0], 1)


def test_cost_of_a_batch_does_not_grow_with_the_rows_of_a_lane(host: Engine, relay: Relay):
    with host.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO parley_outbox (id, lane, request)"
                " SELECT gen_random_uuid(), 'lane-' || n % 3, '{}' FROM generate_series(1, 20000) n"
            )
        )
        connection.execute(text("ANALYZE parley_outbox"))
        statement = relay._queue._heads.params(after="").compile(host, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}").scalar_one()
    assert largest(plan[0]["Plan"]) <= 10


def largest(node: dict[str, Any]) -> int:
    return max([node["Actual Rows"] * node["Actual Loops"], *map(largest, node.get("Plans", ()))])


# -- after the commit --------------------


def test_the_background_relay_sends_after_the_commit_and_never_before(host: Engine, relay: Relay, stand_in: StandIn):
    background = BackgroundRelay(relay)
    own = Outbox(MetaData(), on_commit=background.wake)
    with Session(host) as session:
        own(session).send("one", conversation=CONVERSATION)
        session.flush()
        assert stand_in.requests == []
        session.commit()
        stand_in.wait_for(lambda: stand_in.texts == ["one"])
        own(session).send("two", conversation=CONVERSATION)
        session.commit()
        stand_in.wait_for(lambda: stand_in.texts == ["one", "two"])
    background.stop(PATIENCE)
    assert waiting(host) == 0


def test_on_commit_is_called_once_for_each_commit_with_messages(host: Engine):
    calls: list[int] = []
    own = Outbox(MetaData(), on_commit=lambda: calls.append(1))
    with Session(host) as session:
        session.execute(select(Order))
        session.commit()
        assert calls == []
        own(session).send("one", conversation=CONVERSATION)
        with session.begin_nested():
            own(session).send("two", conversation=CONVERSATION)
        assert calls == []
        session.commit()
        session.commit()
        assert calls == [1]
        own(session).send("never", conversation=CONVERSATION)
        session.rollback()
        session.execute(update(Order).values(name="x"))
        session.commit()
    assert calls == [1]
