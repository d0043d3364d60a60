"""The promises of the relay in each database: once, in the order of a lane, and every lane in its turn."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from parley_sdk import ParleyServer
from parley_sdk.outbox import Relay
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dev.processes import wait_until
from tests.sdk.host_database import QUICK, commit, outbox, running, send, waiting
from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE

LANES, EACH, RELAYS, MANY_LANES = 5, 30, 4, 250


@pytest.fixture(params=["postgres_host", "sqlite_host"], ids=["postgresql", "sqlite"])
def host(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def test_several_relays_keep_order_and_send_once(host: Engine, stand_in: StandIn):
    lanes = [f"lane-{number}" for number in range(LANES)]

    def write(lane: str) -> None:
        for number in range(EACH):
            commit(host, f"{number}", conversation=lane)

    with contextlib.ExitStack() as stack:
        for _ in range(RELAYS):
            server = stack.enter_context(ParleyServer(stand_in.base_url, "psk_test", trust_env=False))
            stack.enter_context(running(Relay(outbox.table, host, server, pauses=QUICK)))
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(write, lanes))
        wait_until(lambda: waiting(host) == 0, PATIENCE, "the outbox is empty")
    for lane in lanes:
        sent = [m["message"] for m in stand_in.stored if m["conversation"] == lane]
        assert sent == [str(number) for number in range(EACH)]
    assert len([m for batch in stand_in.requests for m in batch]) == LANES * EACH, "no message was sent twice"


def test_a_lost_answer_is_sent_again_with_the_same_id(host: Engine, relay: Relay, stand_in: StandIn):
    def fail() -> None:
        stand_in.before_answer = lambda: None
        raise ConnectionResetError

    stand_in.before_answer = fail
    commit(host, "one", "two")
    with pytest.raises(Exception, match="disconnected"):
        relay.run_once()
    assert waiting(host) == 2
    assert relay.run_until_empty() == 2, "the rows are due at once"
    assert stand_in.texts == ["one", "two"]
    first, second, _ = stand_in.requests
    assert first == second


def test_a_backlog_of_many_lanes_is_sent_in_turns(host: Engine, relay: Relay, stand_in: StandIn):
    with Session(host) as session, session.begin():
        for number in range(MANY_LANES):
            send(session, "one", f"lane-{number}")
            send(session, "two", f"lane-{number}")
    assert relay.run_until_empty() == 2 * MANY_LANES
    assert {m["message"] for m in stand_in.stored[:MANY_LANES]} == {"one"}
    assert max(map(len, stand_in.requests)) == 100
