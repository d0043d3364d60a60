"""A drain that freezes within a transaction holds the epoch's row, and with it every ack, only for a limited time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.message_log.append import Operation
from app.store import connections
from app.store.batch_changes import apply_changes
from app.store.change_values import Change
from app.store.engine import create_engine, writing
from app.store.epochs import check_epoch
from app.store.frozen_drains import end_frozen_drains
from app.store.sql import HotStatement, pipelined
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore
from tests.support.patience import PATIENCE

BACKEND = HotStatement("SELECT pg_backend_pid()")


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine on which Postgres ends idle transactions soon."""
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.3)
    made = create_engine(settings)
    yield made
    made.dispose()


def wait_until_ended(log: LogAndStore, backend: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while log.query("SELECT 1 FROM pg_stat_activity WHERE pid = :pid", pid=backend):
        assert time.monotonic() < deadline, "the frozen transaction does not end"
        end_frozen_drains(log.engine, connections.IDLE_SECONDS)  # as another drain does that waits for its lock
        time.sleep(0.02)


def freeze(conn: Connection, log: LogAndStore) -> None:
    """Takes the first steps of a drain in this transaction, and then does nothing until Postgres has ended it."""
    check_epoch(conn, log.epoch)
    ((backend,),) = BACKEND.rows(conn)
    wait_until_ended(log, backend)


def test_another_drain_goes_on_when_the_idle_transaction_is_ended(log: LogAndStore, impatient: Engine) -> None:
    ann, ben = add_users(log.engine, 2)
    pair = add_direct(log.engine, ann, ben)
    log.hydrate(pair)
    log.send(pair, ann, "hello")

    def frozen_drain() -> None:
        with writing(impatient) as conn:
            freeze(conn, log)
            assert log.drain().run()
            assert log.texts(pair) == ["hello"]
            BACKEND.rows(conn)

    with pytest.raises(Overloaded):
        frozen_drain()


def test_another_drain_ends_the_transaction_of_a_frozen_pipeline(log: LogAndStore, impatient: Engine) -> None:
    """The transaction is neither idle nor active, so no timeout of Postgres ends it."""
    ann, ben = add_users(log.engine, 2)
    pair = add_direct(log.engine, ann, ben)
    log.hydrate(pair)
    log.send(pair, ann, "hello")

    def frozen_drain() -> None:
        with writing(impatient) as conn, pipelined(conn):
            check_epoch(conn, log.epoch)
            assert log.drain().run()
            assert log.texts(pair) == ["hello"]
            BACKEND.rows(conn)

    with pytest.raises(Overloaded):
        frozen_drain()


def test_drain_that_stores_changes_ends_a_frozen_pipeline_too(log: LogAndStore, impatient: Engine) -> None:
    """Its statements wait in a pipeline as well. An error in it must not look as if Postgres were away."""
    ann, ben = add_users(log.engine, 2)
    pair = add_direct(log.engine, ann, ben)
    log.hydrate(pair)
    ((id_, (_, seq, _, _)),) = log.send(pair, ann, "hello")
    assert log.drain().run()
    log.change([Operation(Kind.DELETED, pair, ann, [seq, 0, ann], id=id_)])
    deadline = time.monotonic() + PATIENCE
    stored: list[str | None] = []

    def frozen_drain() -> None:
        with writing(impatient) as conn, pipelined(conn):
            check_epoch(conn, log.epoch)
            log.drain(stopping=lambda: time.monotonic() > deadline).run()
            stored.extend(log.texts(pair))
            BACKEND.rows(conn)

    with pytest.raises(Overloaded):
        frozen_drain()
    assert stored == [None]


def test_pipeline_that_goes_on_is_not_ended(log: LogAndStore) -> None:
    with writing(log.engine) as conn, pipelined(conn):
        check_epoch(conn, log.epoch)
        assert end_frozen_drains(log.engine, PATIENCE) == 0
        check_epoch(conn, log.epoch)


def test_frozen_drain_makes_no_dead_letter_when_it_goes_on(
    log: LogAndStore, impatient: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection was ended for a reason that has nothing to do with the record."""
    ann, ben = add_users(log.engine, 2)
    pair = add_direct(log.engine, ann, ben)
    log.hydrate(pair)
    ((id_, (_, seq, _, _)),) = log.send(pair, ann, "hello")
    assert log.drain().run()
    log.change([Operation(Kind.DELETED, pair, ann, [seq, 0, ann], id=id_)])
    frozen: list[int] = []

    def apply(changes: Sequence[Change], conn: Connection, rejected: frozenset[int]) -> list[str]:
        if not frozen:
            frozen.append(log.epoch)
            freeze(conn, log)
            BACKEND.rows(conn)
        return apply_changes(changes, conn, rejected)

    monkeypatch.setattr("app.services.drain.store_records.apply_changes", apply)
    assert log.drain(engine=impatient).run()
    assert frozen
    assert log.texts(pair) == [None]
    assert log.dead_letters() == []
