"""The task that runs the indexer: it survives an outage of Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis
from sqlalchemy import Engine, text

from app.config import Settings
from app.message_log import keys
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
    redis_client.set(keys.FIRST.epoch, b"%d:test" % epoch)
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


@pytest.mark.usefixtures("engine")
def test_fault_of_the_indexer_is_a_failed_task(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise LookupError

    monkeypatch.setattr(task, "container", fail)
    with pytest.raises(LookupError):
        task.index_messages()
