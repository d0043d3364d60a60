"""Redis comes back older than it was: nothing is written to it, and a new epoch begins from Postgres."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from app.config import Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.core.records import pack
from app.message_log import keys
from app.message_log.append import Append, AppendLimits, Decided, Operation
from app.message_log.history import History
from app.message_log.shards import Shard
from app.redis_calls import EpochLostError
from app.redis_connections import one_connection
from dev.embedded_valkey import EmbeddedValkey
from dev.processes import Guard, wait_until
from tests.support.patience import PATIENCE

ANN, BEN = 1, 2
CONVERSATION = 7


def begin(client: redis.Redis) -> None:
    client.set(keys.FIRST.epoch, "3:0")
    client.hset(keys.FIRST.conversation(CONVERSATION), mapping={"m": pack([ANN, BEN]), "s": 0, "lv": 0})


@pytest.fixture
def client(redis_client: redis.Redis) -> Iterator[redis.Redis]:
    redis_client.flushall()
    begin(redis_client)
    yield redis_client
    redis_client.flushall()


def nothing_stored() -> int:
    return 0


_opened: list[redis.Redis] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _opened:
        connection = _opened.pop()
        connection.close()
        connection.connection_pool.disconnect()


class Gateway:
    def __init__(self, settings: Settings, client: redis.Redis, name: str = "here", stored: int = 0) -> None:
        self.history, self._settings, self._sent, self._name = History(lambda: stored), settings, 0, name
        self.append = Append(
            Shard(client),
            name,
            AppendLimits(100, 100_000, 60),
            connect=self._connect,
            saw_epoch=lambda _: None,
            saw_version=self.history.saw,
            wake=lambda: None,
        )

    def _connect(self) -> redis.Redis:
        connection = one_connection(self._settings)
        _opened.append(connection)
        connection.call_on_connect(self.history.is_behind)
        return connection

    def send(self) -> None:
        self._sent += 1
        operation = Operation(Kind.MESSAGE, CONVERSATION, ANN, f"{self._name}-{self._sent}", '"message":"hello"')
        [(decided, *_)] = self.append([operation])
        assert decided == Decided.DONE


class Server:
    """A Valkey that can be restarted with the file that it had before."""

    def __init__(self, directory: Path, guard: Guard) -> None:
        self.valkey = EmbeddedValkey(directory / "valkey", guard=guard, tcp=True)
        self.valkey.start()
        self.client = self.valkey.client()
        _opened.append(self.client)
        begin(self.client)

    def _file(self) -> Path:
        (file,) = self.valkey.data_dir.glob("**/*.incr.aof")
        return file

    def size(self) -> int:
        """Returns the size of the file once everything is in it: while the disk is busy, the server writes later."""
        self.client.set("last", "written")
        wait_until(lambda: self.client.info("persistence")["aof_buffer_length"] == 0, PATIENCE, "the file")
        return self._file().stat().st_size

    def restart(self, size: int | None = None) -> None:
        """Ends at once, and starts with the first ``size`` bytes of the file or with everything that was written."""
        if size is None:
            self.size()
        self.valkey.kill()
        if size is not None:
            os.truncate(self._file(), size)
        self.valkey.start()

    def epoch(self) -> object:
        return self.client.get(keys.FIRST.epoch)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    guard = Guard()
    made = Server(tmp_path, guard)
    yield made
    made.valkey.stop()
    guard.close()


class Two:
    """Two gateways at one server. ``less`` has seen less than ``more``, and Redis comes back without the difference."""

    def __init__(self, server: Server, settings: Settings) -> None:
        settings = replace(settings, redis_url=server.valkey.url())
        client = server.client
        self.less, self.more = Gateway(settings, client, "less"), Gateway(settings, client, "more")
        self.less.send()
        size = server.size()
        self.more.send()
        server.restart(size)


@pytest.fixture
def two(server: Server, settings: Settings) -> Two:
    return Two(server, settings)


def test_loss_is_noticed_even_if_the_gateway_that_saw_less_writes_first(server: Server, two: Two) -> None:
    """Its write moves the version past everything that the other gateway has seen."""
    send_again(two.less)
    with pytest.raises(EpochLostError):
        send_again(two.more)
    assert server.epoch() is None


def test_loss_is_noticed_after_more_restarts(server: Server, two: Two) -> None:
    """The gateway that saw more was away for a whole run."""
    send_again(two.less)
    server.restart()
    send_again(two.less)
    with pytest.raises(EpochLostError):
        send_again(two.more)


def test_versions_of_the_present_run_are_not_compared_with_its_beginning(server: Server, settings: Settings) -> None:
    settings = replace(settings, redis_url=server.valkey.url())
    client = server.client
    less, more = Gateway(settings, client, "less"), Gateway(settings, client, "more")
    less.send()
    more.send()
    server.restart()
    for gateway in (less, more, less):
        send_again(gateway)
        server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    send_again(more)
    assert server.epoch() == b"3:0"


class Pair:
    """A primary and its replica. ``swap`` makes each the other."""

    def __init__(self, directory: Path, guard: Guard) -> None:
        self.servers = [EmbeddedValkey(directory / name, guard=guard, tcp=True) for name in ("first", "second")]
        for server in self.servers:
            server.start()
        self.clients = [server.client() for server in self.servers]
        _opened.extend(self.clients)
        begin(self.primary)
        self._follow()

    @property
    def primary(self) -> redis.Redis:
        return self.clients[0]

    def swap(self, version: int) -> None:
        """Promotes the replica, which has everything up to ``version``."""
        self.wait_copied()
        self.clients[1].replicaof("NO", "ONE")
        self.clients[1].set(keys.FIRST.version, version)
        self.servers.reverse()
        self.clients.reverse()
        self._follow()

    def wait_copied(self) -> None:
        offset = self.primary.info("replication")["master_repl_offset"]
        wait_until(
            lambda: self.clients[1].info("replication").get("slave_repl_offset", 0) >= offset, PATIENCE, "the copy"
        )

    def _follow(self) -> None:
        self.clients[1].replicaof("127.0.0.1", self.servers[0].port)
        wait_until(
            lambda: self.clients[1].info("replication")["master_link_status"] == "up",
            PATIENCE,
            "the replica",
            every=0.05,
        )


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    guard = Guard()
    made = Pair(tmp_path, guard)
    yield made
    for server in made.servers:
        server.stop()
    guard.close()


def test_loss_is_noticed_when_the_first_server_is_the_primary_again(pair: Pair) -> None:
    """The run of the server has the same id as when the lost versions were seen."""
    more, less = History(nothing_stored), History(nothing_stored)
    for history, version in ((less, 5), (more, 8)):
        assert not history.is_behind(pair.primary)
        history.saw(3, version)
    pair.swap(5)
    assert not less.is_behind(pair.primary), "it has seen nothing that is missing"
    pair.swap(20)
    assert not less.is_behind(pair.primary)
    assert more.is_behind(pair.primary)


def test_swapped_servers_without_loss_keep_the_epoch(pair: Pair) -> None:
    more, less = History(nothing_stored), History(nothing_stored)
    for version in (5, 6, 7, 8, 9):
        for history in (more, less):
            assert not history.is_behind(pair.primary)
        pair.primary.set(keys.FIRST.version, version)
        more.saw(3, version)
        pair.swap(version)
    for history in (more, less):
        assert not history.is_behind(pair.primary)


def go_back(client: redis.Redis, to: int) -> None:
    """Sets Redis back, and cuts all connections as a restart does."""
    client.set(keys.FIRST.version, to)
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def send_again(gateway: Gateway) -> None:
    """Sends over the cut connection, which fails, and then over a new one."""
    with pytest.raises(redis.ConnectionError):
        gateway.send()
    gateway.send()


def test_nothing_is_written_to_an_older_redis(client: redis.Redis, settings: Settings) -> None:
    gateway = Gateway(settings, client)
    gateway.send()
    before = int(client.get(keys.FIRST.version) or 0)
    gateway.send()
    go_back(client, before)
    with pytest.raises(EpochLostError):
        send_again(gateway)
    assert client.get(keys.FIRST.epoch) is None
    assert int(client.get(keys.FIRST.version) or 0) == before


def test_complete_history_goes_on(client: redis.Redis, settings: Settings) -> None:
    gateway = Gateway(settings, client)
    gateway.send()
    go_back(client, int(client.get(keys.FIRST.version) or 0))
    send_again(gateway)
    assert client.get(keys.FIRST.epoch) == b"3:0"


def test_earlier_epoch_is_given_up(client: redis.Redis) -> None:
    history = History(nothing_stored)
    history.saw(4, 10)
    assert history.is_behind(client)


def test_versions_of_an_earlier_epoch_are_not_compared(client: redis.Redis) -> None:
    client.set(keys.FIRST.version, 5)
    history = History(nothing_stored)
    history.saw(2, 10)
    history.saw(3, 4)
    history.saw(2, 11)
    assert not history.is_behind(client)


def test_redis_behind_postgres_is_given_up(client: redis.Redis) -> None:
    client.set(keys.FIRST.version, 5)
    assert not History(lambda: 5).is_behind(client)
    assert History(lambda: 6).is_behind(client)
    assert not History(lambda: 6).is_behind(client), "a new epoch has to begin first"


def test_gateway_that_starts_after_the_loss_writes_nothing(client: redis.Redis, settings: Settings) -> None:
    """The gateway starts after Redis came back older, so it can see the loss only in Postgres."""
    Gateway(settings, client).send()
    stored = int(client.get(keys.FIRST.version) or 0) + 1
    with pytest.raises(EpochLostError):
        Gateway(settings, client, "fresh", stored).send()
    assert client.get(keys.FIRST.epoch) is None


def test_gateway_writes_nothing_until_postgres_has_answered(client: redis.Redis) -> None:
    answers = [Overloaded, 0]

    def stored_version() -> int:
        answer = answers.pop(0)
        if answer is Overloaded:
            raise Overloaded
        return 0

    history = History(stored_version)
    with pytest.raises(Overloaded):
        history.is_behind(client)
    assert not history.is_behind(client)
    assert not history.is_behind(client), "Postgres is needed once"
    assert not answers


def test_user_who_may_not_ask_for_the_run_of_the_server_can_compare(client: redis.Redis, redis_url: str) -> None:
    client.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", "-info"])
    history, limited = History(nothing_stored), redis.Redis.from_url(redis_url, username="limited", password="x")
    try:
        history.saw(3, 5)
        client.set(keys.FIRST.version, 5)
        assert not history.is_behind(limited)
        assert history.run == ""
        client.set(keys.FIRST.version, 4)
        assert history.is_behind(limited)
    finally:
        limited.close()
        client.acl_deluser("limited")
