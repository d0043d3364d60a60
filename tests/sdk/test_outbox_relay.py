"""The relay of the outbox: failures, refusals, turns of the conversations, and sending right after the commit."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from parley_sdk import APIError, ParleyServer, Unauthorized
from parley_sdk.outbox import BackgroundRelay, Outbox, Relay, show_backlog, try_again
from sqlalchemy import Engine, MetaData, select, text, update
from sqlalchemy.orm import Session

from dev.processes import wait_until
from tests.sdk.host_database import CONVERSATION, Order, commit, outbox, running, waiting
from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE


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


def test_a_commit_does_not_fail_if_no_relay_can_be_started(host: Engine, caplog: Any):
    """The rows are committed, so the application must not take its transaction for failed. The sweep sends them."""

    def start() -> None:
        raise ConnectionRefusedError("the broker is down")

    own = Outbox(MetaData(), on_commit=start)
    with Session(host) as session:
        session.add(Order(name="paid"))
        own(session).send("one", conversation=CONVERSATION)
        session.commit()
        assert session.scalars(select(Order.name)).all() == ["paid"]
    assert waiting(host) == 1
    assert "the broker is down" in caplog.text


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
