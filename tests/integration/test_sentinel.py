"""Connections through Sentinels find the new primary after a failover, and notice if it is older."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from app.config import CONFIG_EXIT_STATUS
from app.message_log import keys
from app.message_log.history import History
from app.redis_addresses import kombu_url, parse_sentinel
from app.redis_check import check_redis_addresses
from app.redis_connections import connect_redis, one_connection
from dev.processes import free_port, wait_until
from tests.support.outage import after_outage
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, SECRET_KEY, base_env, procfile
from tests.support.redis_settings import problem, settings_for
from tests.support.sentinels import SERVICE, Sentinels, running_sentinels


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentinels]:
    with running_sentinels(tmp_path_factory.mktemp("sentinels")) as made:
        yield made


@pytest.fixture
def sentinels(shared: Sentinels) -> Sentinels:
    wait_until(shared.is_whole, PATIENCE, "a replica", every=0.1)
    with shared.primary().client() as client:
        client.flushall()
    return shared


def test_all_connections_follow_a_failover(sentinels: Sentinels, make_gateway: Callable[[], Gateway]) -> None:
    pooled, gateway = connect_redis(settings_for(sentinels.url)), make_gateway()
    subscribing = connect_redis(settings_for(sentinels.url), timeout_seconds=30, protocol=2, fail_fast=False)
    with (
        pooled,
        subscribing,
        subscribing.pubsub(ignore_subscribe_messages=True) as pubsub,
        celery(sentinels) as enqueuing,
    ):
        pubsub.subscribe("channel")
        pooled.set("a", 1)
        enqueuing.send_task("some", retry=False)
        gateway.write(8)
        wait_copied(sentinels, 8)
        sentinels.fail_over()
        assert gateway.epoch() == b"3:0", "nothing is lost"
        for client in (pooled, gateway.client):
            after_outage(lambda client=client: client.set("after", 1))
            assert client.get("a") == b"1"
            assert client.connection_pool.connection_kwargs["primary"].found == ("127.0.0.1", sentinels.primary().port)
        assert after_outage(lambda: published(sentinels, pubsub))["data"] == b"hello"
        assert after_outage(lambda: enqueued(sentinels, enqueuing)) >= 2


def published(sentinels: Sentinels, pubsub: redis.client.PubSub) -> Any:
    def received() -> Any:
        with sentinels.primary().client() as client:
            client.publish("channel", "hello")
        return pubsub.get_message(timeout=0.2)

    return wait_until(received, PATIENCE, "a publication")


def celery(sentinels: Sentinels) -> Celery:
    """Returns a client with the settings of celeryconfig.py."""
    address = parse_sentinel(sentinels.url)
    client = Celery(broker=kombu_url(sentinels.url), set_as_current=False)
    client.conf.broker_transport_options = {
        "master_name": address.service,
        "sentinel_kwargs": address.sentinel_options(verify=True),
    }
    return client


def enqueued(sentinels: Sentinels, client: Celery) -> int:
    """Enqueues a task and returns how many the queue of the primary has. Raises ConnectionError."""
    try:
        client.send_task("some", retry=False)
    except (OperationalError, OSError) as error:
        raise redis.ConnectionError(str(error)) from error
    with sentinels.primary().client() as primary:
        return int(primary.llen("celery"))


def test_connections_find_the_replica_of_a_dead_primary(sentinels: Sentinels) -> None:
    with connect_redis(settings_for(sentinels.url)) as pooled:
        pooled.set("a", 1)
        wait_until(lambda: sentinels.other().client().get("a"), PATIENCE, "the replica")
        dead = sentinels.kill_primary()
        assert after_outage(lambda: pooled.get("a")) == b"1"
        after_outage(lambda: pooled.set("a", 2))
        dead.start()
        wait_until(sentinels.is_whole, PATIENCE, "the old primary as a replica", every=0.1)
        assert pooled.get("a") == b"2"


def test_write_to_a_server_that_has_become_a_replica_finds_the_primary(sentinels: Sentinels) -> None:
    """Nothing cut the connection: the server was made a replica by hand."""
    with one_connection(settings_for(sentinels.url)) as client, connect_redis(settings_for(sentinels.url)) as pooled:
        client.set("a", 1)
        demoted = sentinels.primary()
        with demoted.client() as admin:
            admin.replicaof("127.0.0.1", sentinels.other().port)
            for connected in (client, pooled):
                with pytest.raises(redis.ConnectionError):
                    connected.set("a", 2)
            admin.execute_command("REPLICAOF", "NO", "ONE")
        after_outage(lambda: client.set("a", 3))
        assert after_outage(lambda: pooled.get("a")) == b"3"


class Gateway:
    """A connection that is compared before it is used, as those of the message path are."""

    def __init__(self, sentinels: Sentinels) -> None:
        self.history = History(lambda: 0)
        self.client = one_connection(settings_for(sentinels.url))
        self.client.call_on_connect(self.history.is_behind)

    def write(self, version: int) -> None:
        self.client.set(keys.FIRST.version, version)
        self.history.saw(3, version)

    def epoch(self) -> Any:
        return after_outage(lambda: self.client.get(keys.FIRST.epoch))

    def close(self) -> None:
        self.client.close()
        self.client.connection_pool.disconnect()


@pytest.fixture
def make_gateway(sentinels: Sentinels) -> Iterator[Callable[[], Gateway]]:
    made: list[Gateway] = []

    def make() -> Gateway:
        made.append(Gateway(sentinels))
        return made[-1]

    with sentinels.primary().client() as client:
        client.set(keys.FIRST.epoch, "3:0")
    yield make
    for gateway in made:
        gateway.close()


def wait_copied(sentinels: Sentinels, version: int) -> None:
    with sentinels.other().client() as replica:
        wait_until(lambda: int(replica.get(keys.FIRST.version) or 0) == version, PATIENCE, "the copy")


def set_back_replica(sentinels: Sentinels, version: int) -> None:
    """The replica lacks the versions after this one, as if it had lagged."""
    with sentinels.other().client() as replica:
        replica.config_set("replica-read-only", "no")
        replica.set(keys.FIRST.version, version)
        replica.config_set("replica-read-only", "yes")


def test_epoch_ends_with_the_promotion_of_a_replica_that_lagged(
    sentinels: Sentinels, make_gateway: Callable[[], Gateway]
) -> None:
    gateway = make_gateway()
    gateway.write(8)
    wait_copied(sentinels, 8)
    set_back_replica(sentinels, 5)
    sentinels.fail_over()
    assert gateway.epoch() is None


def test_unknown_service_is_a_problem(sentinels: Sentinels) -> None:
    url = sentinels.url.replace(f"/{SERVICE}", "/other")
    line = problem(settings_for(url))
    assert line.startswith("REDIS_URL: the Sentinels at 127.0.0.1:")
    assert line.endswith("have no service named 'other'.")


def test_sentinel_and_server_are_not_taken_for_each_other(sentinels: Sentinels) -> None:
    assert "names a Sentinel" in problem(settings_for(f"redis://127.0.0.1:{sentinels.ports[0]}/0"))
    server = f"redis+sentinel://127.0.0.1:{sentinels.primary().port}/{SERVICE}"
    assert "not a Sentinel" in problem(settings_for(server))


def test_right_addresses_are_no_problem(sentinels: Sentinels, redis_url: str) -> None:
    check_redis_addresses(settings_for(sentinels.url))
    check_redis_addresses(settings_for(sentinels.url, broker_url=redis_url))
    check_redis_addresses(settings_for(redis_url, broker_url="amqp://127.0.0.1:1//"))


def test_acl_and_database_of_the_address_are_used(sentinels: Sentinels) -> None:
    for server in (sentinels.primary(), sentinels.other()):
        with server.client() as admin:
            admin.acl_setuser(
                "parley", enabled=True, passwords=["+p@ss"], keys=["*"], channels=["*"], commands=["+@all"]
            )
    url = sentinels.url.replace("://", "://parley:p%40ss@") + "/2"
    with connect_redis(settings_for(url)) as client:
        assert client.acl_whoami() == b"parley"
        client.set("here", 1)
    with sentinels.primary().client() as admin:
        assert admin.get("here") is None
        admin.select(2)
    with pytest.raises(redis.RedisError), connect_redis(settings_for(url.replace("p%40ss", "wrong"))) as client:
        client.ping()


WAKE = """
import time
from app.task_queue import wake_drain
began = time.monotonic()
wake_drain()
print(time.monotonic() - began)
"""


def test_dead_sentinels_do_not_hold_up_celery(sentinels: Sentinels, database_url: str) -> None:
    url = sentinels.url.replace("://", f"://127.0.0.1:{free_port()},127.0.0.1:{free_port()},")
    env = base_env(DATABASE_URL=database_url, REDIS_URL=url, SECRET_KEY=SECRET_KEY)
    command = [sys.executable, "-c", WAKE]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 6, "redis-py's own tries take 8 s for each dead Sentinel"


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_process_with_a_wrong_address_ends_with_one_line(sentinels: Sentinels, database_url: str, name: str) -> None:
    env = base_env(
        DATABASE_URL=database_url,
        REDIS_URL=sentinels.url.replace(f"/{SERVICE}", "/other"),
        SECRET_KEY=SECRET_KEY,
        HOST="127.0.0.1",
        PORT=str(free_port()),
    )
    command = ["/bin/sh", "-c", f"exec {procfile()[name]}"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert ended.returncode == CONFIG_EXIT_STATUS, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("parley: ")]
    assert len(lines) == 1
    assert "have no service named 'other'" in lines[0]
    assert "Traceback" not in ended.stderr
