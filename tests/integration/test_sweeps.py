"""The tasks of beat while no store answers."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from app.config import Settings
from app.message_log.shards import Shards
from app.message_log.workers import count_alive
from app.store.engine import create_engine
from dev.processes import free_port
from tasks import index_messages, maintenance

# Read from the text, because a task reads celeryconfig.py as soon as its name is read.
SWEEPS = re.findall(r'^@sweep\("(\w+)"\)\ndef (\w+)', Path(maintenance.__file__).read_text(), re.MULTILINE)

GATHERED = {
    "wake_runners": ["wake_drain", "wake_push", "wake_webhooks", "index_messages"],
    "sweep_often": ["sweep_streams", "sweep_media", "sweep_imports"],
}


@pytest.fixture
def away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("database_url", "redis_url", "secret_key"):  # celeryconfig.py reads them at the first task
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    port = free_port()
    engine = create_engine(replace(settings, database_url=f"postgresql+psycopg://nobody@127.0.0.1:{port}/none"))
    with redis.Redis(port=port) as client:
        container = SimpleNamespace(engine=engine, redis=client, shards=Shards([client]), settings=settings)
        for module in (maintenance, index_messages):
            monkeypatch.setattr(module, "container", lambda: container)
        yield
    engine.dispose()


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(("name", "function"), SWEEPS)
def test_sweep_without_stores_is_one_line(name: str, function: str, caplog: pytest.LogCaptureFixture) -> None:
    getattr(maintenance, function)()
    records = [record for record in caplog.records if record.levelno >= logging.WARNING]
    told = [record.getMessage().partition(" is left to the next run: ")[0] for record in records]
    assert told == GATHERED.get(name, [name])
    assert [record.exc_info for record in records] == [None] * len(records)


def test_shard_that_is_away_does_not_keep_the_others_from_being_drained(
    settings: Settings, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("database_url", "redis_url", "secret_key"):
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    woken: list[int] = []
    monkeypatch.setattr(maintenance, "enqueue_drain", woken.append)
    with redis.Redis(port=free_port()) as away:
        shards = Shards([redis_client, away, redis_client, redis_client])
        monkeypatch.setattr(
            maintenance, "container", lambda: SimpleNamespace(redis=redis_client, shards=shards, settings=settings)
        )
        for number in (0, 3):
            redis_client.xadd(shards[number].keys.log, {"b": "waits"})
        maintenance.wake_drain()
    assert woken == [0, 3]
    assert "wake_drain is left to the next run: ConnectionError" in caplog.text
    assert count_alive(redis_client) == 1
