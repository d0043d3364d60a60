"""Two shards, each with a log, an epoch and a drain, over one Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from sqlalchemy import Engine

from app.config import Settings
from app.core.kinds import SHADOWS, Kind
from app.core.part import WHOLE, Part
from app.core.records import Record, pack
from app.dead_letter_commands import _build_retry
from app.message_log.append import Decided
from app.message_log.epoch import begin_epoch, read_epoch
from app.message_log.reader import LogReader
from app.message_log.shards import Shards
from app.services.drain.store_records import DrainStats, RecordStore
from app.store import epochs
from app.store.batch_writes import store_batch
from app.store.dead_letters import insert_dead_letter
from app.store.engine import autocommit, create_engine, reading, writing
from app.store.epochs import StaleEpochError, check_epoch, greatest_version, next_epoch
from app.store.log_switches import PUSHING
from tasks import persist_messages
from tests.factories.store import add_users, new_message
from tests.integration.drain.log_and_store import LogAndStore
from tests.integration.drain.two_shards import PARTS, pair_of, wait_for_lock


@pytest.fixture
def logs(redis_client: redis.Redis, engine: Engine) -> list[LogAndStore]:
    redis_client.flushall()
    return [LogAndStore(redis_client, engine, part) for part in PARTS]


@pytest.fixture
def fresh(settings: Settings) -> Iterator[Engine]:
    """An engine over a store that has only the row of the first shard."""
    made = create_engine(settings)
    with autocommit(made) as conn:
        conn.exec_driver_sql("DELETE FROM log_state WHERE id > 1")
        conn.exec_driver_sql("UPDATE log_state SET pushing = false, feeding = false")
    yield made
    made.dispose()


def switches(engine: Engine) -> list[tuple[int, bool, bool]]:
    with reading(engine) as conn:
        return [tuple(row) for row in conn.exec_driver_sql("SELECT id, pushing, feeding FROM log_state ORDER BY id")]


def store_of(log: LogAndStore) -> RecordStore:
    return RecordStore(LogReader(log.shard), log.engine, DrainStats(), pushes_pending=lambda: None, not_the_records=())


def test_shards_are_drained_side_by_side(logs: list[LogAndStore], settings: Settings) -> None:
    places = [pair_of(log) for log in logs]
    for n in range(100):
        for log, (conversation, ann, _) in zip(logs, places, strict=True):
            log.send(conversation, ann, f"{log.part.number}: {n}", f"{log.part.number}: {n}, more")

    def drain(log: LogAndStore) -> bool:
        engine = create_engine(settings)
        try:
            return log.drain(engine=engine, batch=5).run()
        finally:
            engine.dispose()

    with ThreadPoolExecutor(2) as drains:
        assert list(drains.map(drain, logs)) == [True, True]
    for log, (conversation, _, _) in zip(logs, places, strict=True):
        assert log.waiting() == 0
        number = log.part.number
        assert log.texts(conversation) == [f"{number}: {n}{end}" for n in range(100) for end in ("", ", more")]
    assert logs[0].dead_letters() == []


def test_shard_whose_epoch_was_given_up_does_not_stop_the_other(logs: list[LogAndStore]) -> None:
    kept, lost = logs
    (there, ann, _), (here, cyd, _) = map(pair_of, logs)
    lost.send(here, cyd, "lost")
    _, taken = LogReader(lost.shard).take(10, 0)
    LogReader(lost.shard).give_up_epoch(lost.epoch)
    with next_epoch(lost.engine, lost.part) as (number, _):
        kept.send(there, ann, "while the other's epoch is being raised")
        assert kept.drain().run()  # its row is not locked
        assert number == lost.epoch + 1
    assert len(kept.texts(there)) == 1
    assert read_epoch(kept.shard) is not None
    with pytest.raises(StaleEpochError):
        store_of(lost).store(lost.epoch, taken[0].records or [])
    lost.epoch = begin_epoch(lost.shard, lambda: next_epoch(lost.engine, lost.part)).number
    lost.hydrate(here)
    lost.send(here, cyd, "again")
    kept.send(there, ann, "after")
    assert [log.drain().run() for log in logs] == [True, True]
    assert (lost.texts(here), len(kept.texts(there))) == (["again"], 2)
    with writing(kept.engine) as conn:
        check_epoch(conn, kept.epoch, kept.part)


def test_greatest_version_of_a_part_is_that_of_its_conversations(logs: list[LogAndStore]) -> None:
    versions = []
    for log in logs:
        conversation, ann, _ = pair_of(log)
        message = new_message(conversation, 1, ann)
        versions.append(message.version)
        assert store_batch(log.engine, log.epoch, [message], part=log.part) == []
    first, last = versions
    with reading(logs[0].engine) as conn:
        assert [greatest_version(conn, part) for part in (*PARTS, WHOLE)] == [first, last, last]


def test_row_of_a_shard_is_added_with_its_first_epoch_and_the_switches(fresh: Engine) -> None:
    with writing(fresh) as conn:
        PUSHING.turn(conn, on=True)
    with reading(fresh) as conn, pytest.raises(StaleEpochError):
        check_epoch(conn, 1, Part(1, 4))
    with ThreadPoolExecutor(4) as threads:

        def read(number: int) -> int:
            with reading(fresh) as conn:
                return epochs.read_epoch(conn, Part(1 + number % 2, 4)).number

        assert list(threads.map(read, range(8))) == [1] * 8
    with next_epoch(fresh, Part(3, 4)) as (epoch, _):
        assert epoch == 2
    assert switches(fresh) == [(row, True, False) for row in (1, 2, 3, 4)]


def test_row_that_is_added_while_a_switch_is_turned_has_it(fresh: Engine, settings: Settings) -> None:
    """The row's transaction is the first to take the lock, so the switch is turned in it too."""
    other = create_engine(settings)

    def turn() -> None:
        with writing(other) as conn:
            PUSHING.turn(conn, on=True)

    with ThreadPoolExecutor(1) as threads:
        with writing(fresh) as conn:
            assert epochs.read_epoch(conn, PARTS[1]).number == 1
            turning = threads.submit(turn)
            wait_for_lock(fresh)
        turning.result(30)
    assert switches(fresh) == [(1, True, False), (2, True, False)]
    other.dispose()


def test_acts_of_a_shadowed_user_in_two_shards_with_one_version_are_both_stored(logs: list[LogAndStore]) -> None:
    [shadowed] = add_users(logs[0].engine, 1)
    conversations = []
    for log in logs:
        conversation, ann, _ = pair_of(log)
        [(id_, (_, seq, _, _))] = log.send(conversation, ann, "there")
        assert log.drain().run()
        act = Record(
            SHADOWS[Kind.REACTED], conversation, seq, 7_000_000, 1, shadowed, id_, '"emoji":"👍","on":true', "", ""
        )
        store_of(log).store(log.epoch, [act])
        store_of(log).store(log.epoch, [act])
        conversations.append(conversation)
    stored = "SELECT conversation_id FROM shadow_changes WHERE user_id = :user ORDER BY 1"
    assert logs[0].query(stored, user=shadowed) == [(conversation,) for conversation in sorted(conversations)]


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.REACTED])
def test_dead_letter_is_retried_in_the_shard_of_its_conversation(
    logs: list[LogAndStore], settings: Settings, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, log = logs
    woken: list[int] = []
    monkeypatch.setattr("app.dead_letter_commands.wake_drain", woken.append)
    with next_epoch(log.engine, log.part):
        pass  # so that the epochs of the shards differ
    log.redis.delete(log.shard.keys.epoch)
    log.epoch = begin_epoch(log.shard, lambda: next_epoch(log.engine, log.part)).number
    conversation, ann, ben = pair_of(log)
    ((id_, (_, seq, version, _)),) = log.send(conversation, ann, "there")
    assert log.drain().run()
    new = "018f0000-0000-7000-8000-000000000001"
    if kind == Kind.MESSAGE:
        body = f'"id":"{new}","senderId":{ann},"message":"again","kind":"text","attachments":[]'
        record = Record(kind, conversation, 99, 1, 1, ann, new, body, "", "gone")
    else:
        record = Record(kind, conversation, seq, version + 1, 1, ben, id_, '"emoji":"👍","on":true', "", "")
    with writing(log.engine) as conn:
        insert_dead_letter(conn, pack(tuple(record)), "TypeError")
    [(letter,)] = log.query("SELECT max(id) FROM dead_letters")
    shared: Any = SimpleNamespace(settings=settings, engine=log.engine, shards=Shards([log.redis, log.redis]))
    _build_retry(shared).retry(letter)
    assert [one.waiting() for one in logs] == [0, int(kind == Kind.MESSAGE)]
    assert woken == [1] * (kind == Kind.MESSAGE)
    assert log.drain().run()
    if kind == Kind.MESSAGE:
        assert log.texts(conversation) == ["there", "again"]
    else:
        assert log.query("SELECT user_id FROM reactions WHERE conversation_id = :c", c=conversation) == [(ben,)]
    assert log.query("SELECT 1 FROM dead_letters WHERE id = :id", id=letter) == []


def test_task_drains_the_shard_that_it_names(
    logs: list[LogAndStore], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logs[0].redis
    shared = SimpleNamespace(
        settings=replace(settings, drain_linger_seconds=0.0), redis=client, shards=Shards([client, client])
    )
    monkeypatch.setattr(persist_messages, "container", lambda: shared)
    for log in logs:
        conversation, ann, _ = pair_of(log)
        assert log.send(conversation, ann, "waits")[0][1][0] == Decided.DONE
    persist_messages.run_drain(lambda: False, 1)
    assert [log.waiting() for log in logs] == [1, 0]
    persist_messages.run_drain(lambda: False)
    assert [log.waiting() for log in logs] == [0, 0]
