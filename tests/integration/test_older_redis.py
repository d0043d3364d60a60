"""Redis comes back older than it was: nothing is written to it, and a new epoch begins from Postgres."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from app.config import Settings
from app.core.kinds import Kind
from app.core.records import pack
from app.message_log import keys
from app.message_log.append import Append, AppendLimits, Decided, Operation
from app.message_log.history import History
from app.redis_calls import EpochLostError
from app.redis_connections import one_connection

ANN, BEN = 1, 2
CONVERSATION = 7


@pytest.fixture
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    redis_client.flushall()
    redis_client.set(keys.EPOCH, "3:0")
    redis_client.hset(keys.conversation(CONVERSATION), mapping={"m": pack([ANN, BEN]), "s": 0, "lv": 0})
    yield redis_client
    redis_client.flushall()


class Gateway:
    def __init__(self, settings: Settings, client: redis.Redis) -> None:
        self.history, self._settings, self._sent = History(), settings, 0
        self.append = Append(
            client,
            "here",
            AppendLimits(100, 100_000, 60),
            connect=self._connect,
            saw_epoch=lambda _: None,
            saw_version=self.history.saw,
            wake=lambda: None,
        )

    def _connect(self) -> redis.Redis:
        connection = one_connection(self._settings)
        connection.call_on_connect(self.history.is_behind)
        return connection

    def send(self) -> None:
        self._sent += 1
        operation = Operation(Kind.MESSAGE, CONVERSATION, ANN, f"id-{self._sent}", '"message":"hello"')
        [(decided, *_)] = self.append([operation])
        assert decided == Decided.DONE


def go_back(client: redis.Redis, to: int) -> None:
    """Sets Redis back, and cuts all connections as a restart does."""
    client.set(keys.VERSION, to)
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def send_again(gateway: Gateway) -> None:
    """Sends over the cut connection, which fails, and then over a new one."""
    with pytest.raises(redis.ConnectionError):
        gateway.send()
    gateway.send()


def test_nothing_is_written_to_an_older_redis(client: redis.Redis, settings: Settings) -> None:
    gateway = Gateway(settings, client)
    gateway.send()
    before = int(client.get(keys.VERSION) or 0)
    gateway.send()
    go_back(client, before)
    with pytest.raises(EpochLostError):
        send_again(gateway)
    assert client.get(keys.EPOCH) is None
    assert int(client.get(keys.VERSION) or 0) == before


def test_complete_history_goes_on(client: redis.Redis, settings: Settings) -> None:
    gateway = Gateway(settings, client)
    gateway.send()
    go_back(client, int(client.get(keys.VERSION) or 0))
    send_again(gateway)
    assert client.get(keys.EPOCH) == b"3:0"


def test_earlier_epoch_is_given_up(client: redis.Redis) -> None:
    history = History()
    history.saw(4, 10)
    assert history.is_behind(client)


def test_versions_of_an_earlier_epoch_are_not_compared(client: redis.Redis) -> None:
    client.set(keys.VERSION, 5)
    history = History()
    history.saw(2, 10)
    history.saw(3, 4)
    history.saw(2, 11)
    assert not history.is_behind(client)


def test_redis_behind_postgres_is_given_up(client: redis.Redis) -> None:
    client.set(keys.VERSION, 5)
    history = History()
    history.saw(3, 5)
    assert not history.is_behind(client, 5)
    assert history.is_behind(client, 6)
    assert not history.is_behind(client, 6), "a new epoch has to begin first"
