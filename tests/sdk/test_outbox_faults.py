"""The outbox while relays are killed, transactions roll back and answers are lost. The stand-in stores an id once."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from dev.processes import wait_until
from tests.sdk.host_database import Order, outbox, waiting
from tests.sdk.relay_process import start_module, start_relay
from tests.sdk.stand_in import StandIn
from tests.support.patience import PATIENCE

LANES, WRITES = 4, 25


class RelayProcess:
    def __init__(self, host: Engine, stand_in: StandIn) -> None:
        self._host, self._stand_in = host, stand_in
        self.start()

    def start(self) -> None:
        self._process = start_relay(self._host.url, self._stand_in.base_url, "psk_test")

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)


@pytest.fixture
def relay(host: Engine, stand_in: StandIn) -> Iterator[RelayProcess]:
    started = RelayProcess(host, stand_in)
    yield started
    started.kill()


def write(host: Engine, lane: str, seed: int) -> list[str]:
    """Writes orders with messages, some of which roll back. Returns the messages of the committed ones."""
    chance = random.Random(seed)
    committed = []
    for number in range(WRITES):
        name = f"{lane}: {number}"
        with Session(host) as session:
            session.add(Order(name=name))
            outbox(session).send(name, conversation=lane)
            if chance.random() < 0.3:
                session.flush()
            if chance.random() < 0.3:
                session.rollback()
            else:
                session.commit()
                committed.append(name)
    return committed


def test_killed_relays_lose_nothing_and_repeat_nothing(host: Engine, stand_in: StandIn, relay: RelayProcess):
    kill_now, killed = threading.Semaphore(0), threading.Event()

    def before_answer() -> None:
        if len(stand_in.requests) % 3 == 1 and not killed.is_set():
            kill_now.release()
            killed.wait(PATIENCE)  # this relay never gets the answer

    stand_in.before_answer = before_answer
    with ThreadPoolExecutor(LANES) as pool:
        lanes = [f"lane-{number}" for number in range(LANES)]
        writing = [pool.submit(write, host, lane, seed) for seed, lane in enumerate(lanes)]
        for _ in range(4):
            assert kill_now.acquire(timeout=PATIENCE), "no relay was in the middle of a batch"
            relay.kill()
            killed.set()
            killed.clear()
            relay.start()
        stand_in.before_answer = lambda: None
        killed.set()
        committed = {lane: future.result(PATIENCE) for lane, future in zip(lanes, writing, strict=True)}
    wait_until(lambda: waiting(host) == 0, PATIENCE, "the outbox is empty")
    for lane, names in committed.items():
        assert [m["message"] for m in stand_in.stored if m["conversation"] == lane] == names
    sent = [message["id"] for batch in stand_in.requests for message in batch]
    assert len(sent) > len(set(sent)), "no batch was repeated, so this test shows nothing"
    with Session(host) as session:
        assert session.scalar(select(func.count()).select_from(Order)) == len(stand_in.stored)


def test_a_lost_host_process_sends_only_what_it_committed(host: Engine, stand_in: StandIn, relay: RelayProcess):
    """The database ends the transaction of a process that disappears."""
    with Session(host) as session:
        outbox(session).send("never", conversation="lane-0")
        session.flush()
        pid = session.scalar(text("SELECT pg_backend_pid()"))
        with host.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            session.invalidate()
    with Session(host) as session:
        outbox(session).send("sent", conversation="lane-0")
        session.commit()
    stand_in.wait_for(lambda: "sent" in stand_in.texts)
    assert stand_in.texts == ["sent"]


def test_the_relay_command_ends_at_sigterm(host: Engine, stand_in: StandIn):
    settings = {
        "SHOP_PARLEY_URL": stand_in.base_url,
        "SHOP_PARLEY_KEY": "psk_test",
        "SHOP_PARLEY_OUTBOX_DATABASE_URL": host.url.render_as_string(hide_password=False),
    }
    process = start_module("flask", "--app", "tests.sdk.shop_app", "parley", "relay", "--every", "0.01", env=settings)
    try:
        with Session(host) as session:
            outbox(session).send("by the command", conversation="lane-0")
            session.commit()
        stand_in.wait_for(lambda: stand_in.texts == ["by the command"])
        wait_until(lambda: waiting(host) == 0, PATIENCE, "the outbox is empty")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait(PATIENCE)
