"""The switches of push and of the feed while the drains of two shards write, and the order of the feed."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import redis
from sqlalchemy import Engine, text

from app.config import Settings
from app.core.kinds import Kind
from app.core.records import Record
from app.services.drain.log_rows import Rows
from app.store import host_feed
from app.store.batch_pending_pushes import PushTrigger
from app.store.batch_writes import store_batch_and_enqueue_pushes
from app.store.engine import create_engine, reading, writing
from app.store.host_events import NewEvent, insert_events
from app.store.log_switches import FEEDING, PUSHING
from dev.processes import wait_until
from tests.factories.store import new_message
from tests.integration.drain.log_and_store import LogAndStore
from tests.integration.drain.two_shards import PARTS, pair_of, wait_for_lock
from tests.integration.store.push_rows import add_target
from tests.support.patience import PATIENCE

SOME = 10


class Writer:
    """Stores batches of one message each in one conversation, as the drain of its shard does."""

    def __init__(self, log: LogAndStore, engine: Engine) -> None:
        self.log = log
        self.engine = engine
        self.conversation, self.ann, self.ben = pair_of(log)
        self.pushes: dict[int, int] = {}  # by seq
        self.events: dict[int, int] = {}

    def store(self, seq: int, version: int | None = None) -> None:
        message = new_message(self.conversation, seq, self.ann)
        body = {"id": message.id, "senderId": self.ann, "message": message.body, "kind": "text", "attachments": []}
        at = message.version if version is None else version
        rows = Rows()
        rows.add(
            Record(
                Kind.MESSAGE, self.conversation, seq, at, 1, self.ann, message.id, json.dumps(body)[1:-1], "", "here"
            )
        )
        stored = store_batch_and_enqueue_pushes(
            self.engine,
            self.log.epoch,
            rows.messages,
            triggers=lambda: [PushTrigger(self.conversation, seq, self.ann)],
            feed=lambda conn, rejected: rows.feed(self.log.part.number, conn, rejected),
            part=self.log.part,
        )
        assert stored.conflicts == []
        self.pushes[seq], self.events[seq] = stored.pushes, stored.events

    def store_until(self, stopped: threading.Event) -> None:
        for seq in itertools.count(1):
            self.store(seq)
            if stopped.is_set():
                return


@pytest.fixture
def engines(settings: Settings) -> Iterator[list[Engine]]:
    """An engine for each drain, because the state of the switches is remembered by engine. Drains wait longer for
    Postgres than web processes do.
    """
    made = [create_engine(settings, timeout_seconds=PATIENCE) for _ in PARTS]
    yield made
    for engine in made:
        engine.dispose()


@pytest.fixture
def writers(redis_client: redis.Redis, engine: Engine, engines: list[Engine]) -> list[Writer]:
    redis_client.flushall()
    with writing(engine) as conn:
        conn.exec_driver_sql("TRUNCATE push_owed, push_deliveries, push_shown, push_targets")
        conn.exec_driver_sql("UPDATE log_state SET pushing = false, feeding = false")
    logs = [LogAndStore(redis_client, engine, part) for part in PARTS]
    return [Writer(log, own) for log, own in zip(logs, engines, strict=True)]


@contextmanager
def all_storing(writers: list[Writer]) -> Iterator[None]:
    """Runs the block while the writers store. They store some more afterwards."""
    stopped = threading.Event()
    with ThreadPoolExecutor(len(writers)) as threads:
        storing = [threads.submit(writer.store_until, stopped) for writer in writers]
        try:
            store_some(writers)
            yield
            store_some(writers)
        finally:
            stopped.set()
            for one in storing:
                one.result(PATIENCE)  # the error of a writer is more useful than the error of a test that waits for it


def store_some(writers: list[Writer]) -> None:
    """Waits until each writer has stored SOME more batches."""
    counts = [len(writer.pushes) + SOME for writer in writers]
    stored = lambda: all(len(writer.pushes) >= n for writer, n in zip(writers, counts, strict=True)) or None  # noqa: E731
    wait_until(stored, PATIENCE, "batches", every=0.001)


def last_seqs(engine: Engine, writers: list[Writer], switch: object) -> list[int]:
    """Turns the switch in a transaction, and returns the last seqs that are stored before it."""
    with writing(engine) as conn:
        if switch is PUSHING:
            PUSHING.turn(conn, on=True)
        else:
            host_feed.begin_feed(conn)
        seq = text("SELECT last_seq FROM conversations WHERE id = :id")
        return [int(conn.execute(seq, {"id": writer.conversation}).scalar_one()) for writer in writers]


@pytest.mark.parametrize("switch", [PUSHING, FEEDING], ids=["pushing", "feeding"])
def test_each_batch_of_each_shard_comes_before_the_switch_or_sees_it(
    engine: Engine, writers: list[Writer], switch: object
) -> None:
    for writer in writers:
        add_target(engine, writer.ben)
    with writing(engine) as conn:
        conn.exec_driver_sql("UPDATE log_state SET pushing = false")
    with all_storing(writers):
        before = last_seqs(engine, writers, switch)
    for writer, last in zip(writers, before, strict=True):
        found = writer.pushes if switch is PUSHING else writer.events
        assert last >= SOME
        assert list(found.values()) == [0] * last + [1] * (len(found) - last)


def test_first_device_is_registered_while_drains_write(engine: Engine, writers: list[Writer]) -> None:
    with all_storing(writers):
        for writer in writers:
            add_target(engine, writer.ben)
    for writer in writers:
        assert writer.pushes[1] == 0
        assert writer.pushes[len(writer.pushes)] == 1


def test_switches_that_many_turn_at_once_end_equal(engine: Engine, writers: list[Writer]) -> None:
    def turn(_: int) -> None:
        for _ in range(20):
            with writing(engine) as conn:
                host_feed.begin_feed(conn)
            with writing(engine) as conn:
                host_feed.end_unused_feed(conn, days=0)

    with all_storing(writers), ThreadPoolExecutor(3) as threads:
        list(threads.map(turn, range(3)))
    with reading(engine) as conn:
        states = conn.exec_driver_sql("SELECT DISTINCT feeding FROM log_state").scalars().all()
    assert states == [False]


def test_reader_of_the_feed_skips_no_event_of_any_shard(engine: Engine, writers: list[Writer]) -> None:
    with writing(engine) as conn:
        host_feed.begin_feed(conn)
        position = start = host_feed.last_event(conn)
    read: list[int] = []

    def read_on() -> None:
        nonlocal position
        with reading(engine) as conn:
            page = host_feed.read_page(conn, position, 5)
        position = page.position
        read.extend(event.id for event in page.events)

    with all_storing(writers):
        while len(read) < 8 * SOME:
            read_on()
    while len(read) < sum(len(writer.events) for writer in writers):
        before = position
        read_on()
        assert position > before, "the reader is at the end, and has skipped events"
    with reading(engine) as conn:
        written = conn.execute(text("SELECT id FROM host_events WHERE id > :start ORDER BY id"), {"start": start})
        assert read == list(written.scalars())


def test_event_with_a_later_id_is_not_visible_before_an_earlier_one(engine: Engine) -> None:
    """Two drains have written their rows, and the one that got its ids first commits last."""
    with writing(engine) as conn:
        host_feed.begin_feed(conn)
        start = host_feed.last_event(conn)

    def second() -> None:
        with writing(engine) as conn:
            insert_events(conn, [NewEvent(2, "message.created", b"{}", 1)])

    with ThreadPoolExecutor(1) as threads:
        with writing(engine) as conn:
            insert_events(conn, [NewEvent(1, "message.created", b"{}", 1)])
            later = threads.submit(second)
            wait_for_lock(engine)
            assert not later.done()
            with reading(engine) as other:
                assert host_feed.read_page(other, start, 10).events == []
        later.result(30)
    with reading(engine) as conn:
        lanes = text("SELECT lane FROM host_events WHERE id > :start ORDER BY id")
        assert conn.execute(lanes, {"start": start}).scalars().all() == [1, 2]


_versions = itertools.count(5_000_000)


def test_records_of_two_shards_with_one_version_are_two_events(engine: Engine, writers: list[Writer]) -> None:
    with writing(engine) as conn:
        host_feed.begin_feed(conn)
        start = host_feed.last_event(conn)
    version = next(_versions)
    for writer in writers:
        writer.store(1, version)
    with reading(engine) as conn:
        events = host_feed.read_page(conn, start, 10).events
    found = [json.loads(event.data)["conversationId"] for event in events]
    assert found == [writer.conversation for writer in writers]
