"""A drain outlives short outages of Redis: if it ended, its lease would hold up all acks until it expires."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from redis.exceptions import ConnectionError

from app.config import Settings
from app.message_log import keys
from app.message_log.reader import LogReader
from app.message_log.shards import Shard
from app.redis_connections import one_connection
from app.services.drain.store_log import Drain
from tests.factories.store import add_direct, add_users
from tests.integration.drain.log_and_store import LogAndStore
from tests.support.patience import PATIENCE

LEASE_SECONDS = 600.0  # longer than any test: only the drain that holds it can go on


def wait_for(ready: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


class Running:
    """A drain in a thread of its own, over a connection of its own, as in a worker."""

    def __init__(self, log: LogAndStore, settings: Settings) -> None:
        self.ended = False
        self._redis = one_connection(settings)
        options = {"linger_seconds": 600.0, "lease_seconds": LEASE_SECONDS, "stopping": lambda: self.ended}
        self._drain: Drain = log.drain(reader=LogReader(Shard(self._redis)), **options)
        self._thread = threading.Thread(target=self._drain.run_through_outages, args=[PATIENCE], daemon=True)
        self._thread.start()
        wait_for(lambda: log.redis.exists(keys.FIRST.lease), "the drain does not start")

    def end(self) -> None:
        self.ended = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._redis.close()
        self._redis.connection_pool.disconnect()


@pytest.fixture
def drain(log: LogAndStore, settings: Settings) -> Iterator[Running]:
    running = Running(log, settings)
    yield running
    running.end()


def test_drain_goes_on_over_a_new_connection(log: LogAndStore, drain: Running) -> None:
    ann, ben = add_users(log.engine, 2)
    pair = add_direct(log.engine, ann, ben)
    log.hydrate(pair)
    for number in range(3):
        log.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        log.send(pair, ann, f"{number}")
        wait_for(lambda number=number: len(log.texts(pair)) == number + 1, "the message is not stored")  # type: ignore[misc]
    drain.end()
    assert not log.redis.exists(keys.FIRST.lease)


def test_drain_ends_when_redis_stays_away(log: LogAndStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise ConnectionError

    monkeypatch.setattr(LogReader, "renew", fail)
    with pytest.raises(ConnectionError):
        log.drain().run_through_outages(0.0)
