"""The task that runs the indexer: it survives an outage of Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis
from sqlalchemy import Engine, text

from app.config import Settings
from app.message_log import keys, stored_upto
from app.message_log.shards import Shards
from app.store.engine import autocommit, create_engine, reading
from app.store.epochs import read_epoch
from dev.processes import free_port
from tasks import index_messages as task
from tests.factories.store import add_pair, say


@pytest.fixture
def engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    for name in ("database_url", "redis_url", "secret_key"):  # celeryconfig.py reads them at the first task
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    made = create_engine(settings)
    yield made
    made.dispose()


def indexed(engine: Engine) -> int:
    with autocommit(engine) as conn:
        return int(conn.execute(text("SELECT count(*) FROM message_terms")).scalar_one())


def test_outage_of_redis_is_one_line_and_the_next_run_continues(
    engine: Engine, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conversation, ann, _ = add_pair(engine)
    [message] = say(engine, conversation, ann, "text")
    with reading(engine) as conn:
        epoch = read_epoch(conn).number
    redis_client.set(keys.FIRST.epoch, b"%d:0" % epoch)
    redis_client.hset(keys.FIRST.log_state, "stored", message.version)

    with redis.Redis(port=free_port()) as away:
        monkeypatch.setattr(
            task, "container", lambda: SimpleNamespace(engine=engine, redis=away, shards=Shards([away]))
        )
        task.index_messages()
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "index_messages is left to the next run: ConnectionError"
    assert record.exc_info is None
    assert indexed(engine) == 0

    monkeypatch.setattr(
        task, "container", lambda: SimpleNamespace(engine=engine, redis=redis_client, shards=Shards([redis_client]))
    )
    task.index_messages()
    assert indexed(engine) == 1


def test_idle_shard_does_not_hold_up_the_index(
    engine: Engine, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one whose log has records does."""
    redis_client.flushall()
    shards = Shards([redis_client, redis_client])
    conversation, ann, _ = add_pair(engine)
    before = indexed(engine)
    [message] = say(engine, conversation, ann, "text")
    with autocommit(engine) as conn:
        epochs = [read_epoch(conn, shard.part).number for shard in shards]
    for shard, epoch in zip(shards, epochs, strict=True):
        redis_client.set(shard.keys.epoch, b"%d:0" % epoch)
        redis_client.hset(shard.keys.log_state, "stored", message.version - shard.part.number)
    entry = redis_client.xadd(shards[1].keys.log, {"b": "waits"})
    monkeypatch.setattr(task, "container", lambda: SimpleNamespace(engine=engine, redis=redis_client, shards=shards))
    task.index_messages()
    assert indexed(engine) == before
    redis_client.xdel(shards[1].keys.log, entry)
    monkeypatch.setattr(stored_upto, "CLOCK_MARGIN_US", -(10**14))  # versions of tests are in the future
    task.index_messages()
    assert indexed(engine) == before + 1


def test_idle_shards_are_stored_up_to_their_clock(redis_client: redis.Redis) -> None:
    shards = Shards([redis_client, redis_client])
    for shard in shards:
        redis_client.set(shard.keys.epoch, b"7:0")
        redis_client.hset(shard.keys.log_state, "stored", 5)
    seconds, _ = redis_client.time()
    upto = stored_upto.stored_upto(shards, [7, 7])
    assert 0 <= upto + stored_upto.CLOCK_MARGIN_US - seconds * 1_000_000 < 60_000_000
    assert stored_upto.stored_upto(Shards([redis_client]), [7]) == 5
    assert stored_upto.stored_upto(shards, [7, 8]) == 0  # the second one lost its data


@pytest.mark.usefixtures("engine")
def test_fault_of_the_indexer_is_a_failed_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise LookupError

    monkeypatch.setattr(task, "container", fail)
    with pytest.raises(LookupError):
        task.index_messages()
