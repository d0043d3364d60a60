"""A drain that waits for a slow Postgres keeps its lease, and the next one does not take it for dead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine

from app.core.errors import Overloaded
from app.core.records import Record
from app.message_log import keys
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.services.drain import store_records
from app.services.drain.store_cautiously import CAUTIOUS_RECORDS
from app.store.batch_writes import NewMessage, Stored
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore

Sizes = list[int]  # the number of records of each batch


@pytest.fixture
def pair(log: LogAndStore) -> tuple[int, int]:
    """A conversation, and one of its members."""
    ann, ben = add_users(log.engine, 2)
    conversation = add_direct(log.engine, ann, ben)
    log.hydrate(conversation)
    return conversation, ann


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Sizes:
    sizes: Sizes = []
    original = store_records.RecordStore.store

    def store(self: store_records.RecordStore, epoch: int, records: list[Record]) -> dict[int, str]:
        sizes.append(len(records))
        return original(self, epoch, records)

    monkeypatch.setattr(store_records.RecordStore, "store", store)
    return sizes


def test_no_other_drain_begins_while_a_batch_takes_longer_than_the_lease(
    log: LogAndStore, pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second drain would take the first one for dead, although that only waits for Postgres."""
    lease_seconds = 0.5
    others: list[bool] = []
    original = store_records.RecordStore.store

    def store(self: store_records.RecordStore, epoch: int, records: list[Record]) -> dict[int, str]:
        for _ in range(6):
            time.sleep(lease_seconds / 2)  # the wait for Postgres
            others.append(log.drain(lease_seconds=lease_seconds).run())
        return original(self, epoch, records)

    monkeypatch.setattr(store_records.RecordStore, "store", store)
    log.send(*pair, "one")
    assert log.drain(lease_seconds=lease_seconds).run()
    assert others == [False] * 6
    assert log.texts(pair[0]) == ["one"]
    assert not log.redis.exists(keys.FIRST.lease)


def test_drain_that_survived_its_attempt_is_not_taken_for_dead(
    log: LogAndStore, pair: tuple[int, int], batches: Sizes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        log.send(*pair, f"{number}")
    slow: list[bool] = []

    def fails(*_args: object, **_options: object) -> None:
        slow.append(True)
        raise Overloaded

    with monkeypatch.context() as while_slow:
        while_slow.setattr(store_records, "store_batch_and_enqueue_pushes", fails)
        assert log.drain(stopping=lambda: bool(slow)).run()
    assert log.waiting() == 5
    batches.clear()
    assert log.drain().run()
    assert batches == [5]


def test_small_steps_take_several_entries_together(log: LogAndStore, pair: tuple[int, int], batches: Sizes) -> None:
    for number in range(2 * CAUTIOUS_RECORDS + 1):
        log.send(*pair, f"{number}")
    reader = LogReader(Shard(log.redis))
    reader.count_attempt(reader.take(1, 0)[1][0].id)
    assert log.drain().run()
    assert batches == [CAUTIOUS_RECORDS, CAUTIOUS_RECORDS, 1]
    assert log.texts(pair[0]) == [f"{number}" for number in range(2 * CAUTIOUS_RECORDS + 1)]


def test_batch_that_postgres_does_not_manage_in_time_is_halved(
    log: LogAndStore, pair: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        log.send(*pair, f"{number}")
    original = store_records.store_batch_and_enqueue_pushes
    failed: list[int] = []
    stored: list[int] = []

    def store(engine: Engine, epoch: int, messages: Sequence[NewMessage], *more: Any, **options: Any) -> Stored:
        failed.append(len(messages))  # unless it returns
        if len(messages) > 15:
            raise Overloaded
        made = original(engine, epoch, messages, *more, **options)
        stored.append(failed.pop())
        return made

    monkeypatch.setattr(store_records, "store_batch_and_enqueue_pushes", store)
    assert log.drain().run()
    assert log.waiting() == 0
    assert failed[:2] == [40, 20]
    assert stored[0] <= 10
    assert sum(stored) == len(log.texts(pair[0])) == 40
