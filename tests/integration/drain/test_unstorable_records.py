"""A record that cannot be stored stops no other record, with any error that it raises, even if it ends the process."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.config import Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.core.records import Record
from app.message_log import keys
from app.message_log.append import Decided, Operation
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.services.drain import store_records
from app.store import batch_writes
from app.store.sql import HotStatement
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore
from tests.support.commands import python
from tests.support.processes import base_env

EXIT = 9
# Runs one drain whose process ends when it decodes a message with the word "deadly".
DYING_DRAIN = f"""
import os, sys
from app.services.drain import log_rows
from tests.integration.drain.log_and_store import LogAndStore
decode = log_rows.decode_record
def deadly(record):
    if "deadly" in record.body:
        os._exit({EXIT})
    return decode(record)
log_rows.decode_record = deadly
import redis
from app.config import Settings
from app.store.engine import create_engine
log = LogAndStore.__new__(LogAndStore)
log.redis, log.engine = redis.Redis.from_url(os.environ["REDIS_URL"]), create_engine(Settings.from_env())
log.redis.delete({keys.FIRST.lease!r})
log.drain().run()
"""


def drain_in_a_process(settings: Settings) -> int:
    env = base_env(DATABASE_URL=settings.database_url, REDIS_URL=settings.redis_url, SECRET_KEY=settings.secret_key)
    return python(env, DYING_DRAIN).returncode


@pytest.mark.parametrize("place", [0, 70, 199])
def test_a_record_that_ends_processes_is_found_after_three_deaths(
    log: LogAndStore, settings: Settings, place: int
) -> None:
    ann, ben, cyd = add_users(log.engine, 3)
    one, two = add_direct(log.engine, ann, ben), add_direct(log.engine, ann, cyd)
    log.hydrate(one, two)
    texts = [f"message {n}" for n in range(200)]
    texts[place] = "deadly"
    for first in range(0, 200, 50):
        log.send(one, ann, *texts[first : first + 50])
        log.send(two, ann, f"beside {first}")
    codes = [drain_in_a_process(settings) for _ in range(3)]
    assert codes == [EXIT, EXIT, EXIT]
    assert drain_in_a_process(settings) == 0
    assert log.waiting() == 0
    assert log.texts(one) == [None if text == "deadly" else text for text in texts]
    assert log.texts(two) == ["beside 0", "beside 50", "beside 100", "beside 150"]
    assert log.dead_letters()[-1:] == ["ends the process that stores it"]


def test_a_batch_after_the_found_record_is_stored_as_usual(log: LogAndStore, settings: Settings) -> None:
    ann, ben = add_users(log.engine, 2)
    one = add_direct(log.engine, ann, ben)
    log.hydrate(one)
    log.send(one, ann, "deadly")
    while drain_in_a_process(settings) == EXIT:
        pass
    log.send(one, ann, "after", "it")
    assert drain_in_a_process(settings) == 0
    assert log.texts(one) == [None, "after", "it"]


def change_of(kind: Kind, conversation: int, user: int, id_: str, seq: int) -> Operation:
    body = {
        Kind.EDITED: f'"id":"{id_}","senderId":{user},"message":"new @all","mentionsAll":true,"attachments":[]',
        Kind.REACTED: '"emoji":"👍","on":true',
        Kind.PINNED: '"on":true',
        Kind.STARRED: '"on":true',
    }.get(kind, "")
    return Operation(kind, conversation, user, [seq, 0, user], body, id=id_)


@pytest.mark.parametrize("kind", [Kind.EDITED, Kind.DELETED, Kind.REACTED, Kind.PINNED, Kind.STARRED, Kind.HIDDEN])
def test_an_exception_at_any_statement_of_a_change_stops_nothing_else(
    log: LogAndStore, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs the change once to see its statements, then makes each of them raise in turn."""
    ann, ben, cyd = add_users(log.engine, 3)
    good, bad = add_direct(log.engine, ann, ben), add_direct(log.engine, ann, cyd)
    log.hydrate(good, bad)
    seen: list[HotStatement] = []
    raising: list[HotStatement] = []
    original = HotStatement.send

    def send(self: HotStatement, conn: Any, **values: Any) -> None:
        if values.get("conversation") == bad:
            seen.append(self)
            if self in raising:
                raise RuntimeError("a bug in the store")
        original(self, conn, **values)

    monkeypatch.setattr(HotStatement, "send", send)

    def change_between_messages() -> None:
        ((id_, (_, seq, _, _)),) = log.send(bad, ann, "before")
        assert log.drain().run()
        log.send(good, ann, "first")
        (decision,) = log.change([change_of(kind, bad, ann, id_, seq)])
        assert decision[0] == Decided.DONE
        log.send(good, ann, "second")
        assert log.drain().run()
        assert log.waiting() == 0

    change_between_messages()
    statements = list(dict.fromkeys(seen))
    assert statements
    for n, statement in enumerate(statements, 1):
        raising[:] = [statement]
        letters = len(log.dead_letters())
        change_between_messages()
        assert log.texts(good) == ["first", "second"] * (n + 1)
        reasons = log.dead_letters()
        assert len(reasons) == letters + 1
        assert reasons[-1].startswith("RuntimeError\nTraceback")


@pytest.mark.parametrize("error", [RuntimeError("bug"), TypeError("bug"), MemoryError(), ZeroDivisionError()])
def test_an_exception_of_the_batch_statement_stops_nothing_else(
    log: LogAndStore, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, ben = add_users(log.engine, 2)
    one = add_direct(log.engine, ann, ben)
    log.hydrate(one)
    original = batch_writes.parameters_of

    def parameters_of(epoch: int, messages: Any, *rest: Any, **options: Any) -> Any:
        if any(message.body == "bad" for message in messages):
            raise error
        return original(epoch, messages, *rest, **options)

    monkeypatch.setattr(batch_writes, "parameters_of", parameters_of)
    log.send(one, ann, *[f"m{n}" for n in range(20)], "bad", "last")
    assert log.drain().run()
    assert log.texts(one) == [*[f"m{n}" for n in range(20)], None, "last"]
    assert log.dead_letters()[-1].startswith(f"{type(error).__name__}\nTraceback")


def test_a_failing_tombstone_stops_nothing_else(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = add_users(log.engine, 2)
    one, two = add_direct(log.engine, ann, ben), add_direct(log.engine, ann, ann)
    log.hydrate(one, two)

    def insert_tombstone(*_: Any, **__: Any) -> None:
        raise RuntimeError("no tombstone")

    monkeypatch.setattr(store_records, "insert_tombstone", insert_tombstone)
    log.send(one, ann, "x\\u0000y")
    log.send(two, ann, "fine")
    assert log.drain().run()
    assert log.waiting() == 0
    assert log.texts(two) == ["fine"]


def test_overload_is_not_the_records_fault(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = add_users(log.engine, 2)
    one = add_direct(log.engine, ann, ben)
    log.hydrate(one)
    log.send(one, ann, "kept")
    letters = len(log.dead_letters())
    failures = iter([Overloaded(), Overloaded()])
    original = store_records.store_batch_and_enqueue_pushes

    def store(*args: Any, **options: Any) -> Any:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return original(*args, **options)

    monkeypatch.setattr(store_records, "store_batch_and_enqueue_pushes", store)
    assert log.drain().run()
    assert log.texts(one) == ["kept"]
    assert len(log.dead_letters()) == letters


def test_drain_that_waits_for_postgres_at_a_lone_record_is_not_taken_for_dead(
    log: LogAndStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a death, records are stored one by one. Postgres is slow, and the drain ends during the first one."""
    ann, ben = add_users(log.engine, 2)
    one = add_direct(log.engine, ann, ben)
    log.hydrate(one)
    log.send(one, ann, "first", "second")
    reader = LogReader(Shard(log.redis))
    (entry,) = reader.take(1, 0)[1]
    versions = [record.version for record in entry.records or ()]
    reader.count_attempt(entry.id)
    reader.suspect(versions[0], versions[-1])
    others, letters = list[bool](), len(log.dead_letters())
    original = store_records.RecordStore.store

    def store(self: store_records.RecordStore, epoch: int, records: list[Record]) -> dict[int, str]:
        if not others:
            time.sleep(1.0)  # longer than the lease
            others.append(log.drain(lease_seconds=0.5).run())
            raise Overloaded
        return original(self, epoch, records)

    monkeypatch.setattr(store_records.RecordStore, "store", store)
    assert log.drain(lease_seconds=0.5, stopping=lambda: bool(others)).run()
    assert others == [False]
    assert log.waiting() == 1
    assert log.drain().run()
    assert log.texts(one) == ["first", "second"]
    assert len(log.dead_letters()) == letters
