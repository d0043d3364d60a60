"""In a Redis cluster, the client of each shard stays with the node that has the shard's slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from app.config import ConfigError, Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.message_log.append import Append, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard, Shards
from app.message_log.tails import read_tail
from app.redis_addresses import ClusterAddress
from app.redis_calls import redis_errors_as_overloaded
from app.redis_check import check_redis_addresses
from app.redis_cluster import SlotPrimary, slot_primary
from app.redis_connections import connect_redis, connect_shards, one_connection
from dev.processes import free_port, wait_until
from tests.support.outage import after_outage
from tests.support.patience import PATIENCE
from tests.support.redis_cluster import PRIMARIES, RedisCluster, running_cluster
from tests.twins.log_contract import ANN, BEN, EPOCH, ROOM, LogContract, state

SHARDS = 8
GROUP = 41  # of shard 1


def settings_for(url: str, **changes: Any) -> Settings:
    broker = changes.pop("broker_url", "amqp://127.0.0.1:1//")
    return Settings("development", "", url, broker, "x" * 32, shards=SHARDS, **changes)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), replicas=True) as made:
        yield made


@pytest.fixture
def cluster(shared: RedisCluster) -> Iterator[RedisCluster]:
    shared.heal()
    shared.flush()
    yield shared
    slot_primary.cache_clear()


@pytest.fixture
def shards(cluster: RedisCluster) -> Iterator[Shards]:
    made = Shards(connect_shards(settings_for(cluster.url)))
    yield made
    made.close()


@pytest.fixture
def shard(shards: Shards) -> Shard:
    found = shards.of(GROUP)
    found.redis.set(found.keys.epoch, f"{EPOCH}:0")
    return found


class TestLog(LogContract):
    @pytest.fixture
    def redis(self, cluster: RedisCluster) -> Iterator[redis.Redis]:
        with connect_redis(settings_for(cluster.url), protocol=2) as client:
            yield client


def test_each_shard_writes_to_the_node_of_its_slot(cluster: RedisCluster, shards: Shards) -> None:
    for number, shard in enumerate(shards):
        shard.redis.set(shard.keys.version, number)
    nodes = set()
    for number, shard in enumerate(shards):
        node = cluster.node_of(shard.keys.version)
        with node.client() as client:
            assert client.get(shard.keys.version) == str(number).encode()
        nodes.add(node.port)
    assert len(nodes) == PRIMARIES, "the shards use all nodes"


def appending(shard: Shard, client: redis.Redis) -> Append:
    made = Append(shard, "here", ROOM, connect=lambda: client, saw_epoch=lambda _: None, wake=lambda: None)
    assert hydrate(shard, EPOCH, state(GROUP, [ANN, BEN]))
    return made


def send(append: Append, id_: str) -> int:
    (decision,) = append([Operation(Kind.MESSAGE, GROUP, ANN, id_, f'"id":"{id_}","senderId":{ANN}', "session")])
    return decision[1]


def test_log_follows_its_slot(cluster: RedisCluster, shard: Shard) -> None:
    with one_connection(settings_for(cluster.url), 1) as client:
        append = appending(shard, client)
        assert send(append, "a") == 1
        moved_to = cluster.move_slot(shard.keys.epoch)
        with pytest.raises(redis.ConnectionError):
            send(append, "b")
        assert send(append, "b") == 2
        assert [record.seq for record in read_tail(shard, [GROUP]).records] == [1, 2]
        assert client.connection is not None
        assert client.connection.port == moved_to.port


@pytest.mark.parametrize("transaction", [True, False])
def test_pipeline_follows_the_slot(cluster: RedisCluster, shard: Shard, transaction: bool) -> None:
    def run() -> Any:
        with shard.redis.pipeline(transaction=transaction) as pipeline:
            return pipeline.set(shard.keys.version, 5).get(shard.keys.version).execute()

    assert run() == [True, b"5"]
    cluster.move_slot(shard.keys.epoch)
    with pytest.raises(redis.ConnectionError):
        run()
    assert run() == [True, b"5"]


def test_script_writes_nothing_while_its_slot_is_moved_key_by_key(cluster: RedisCluster, shard: Shard) -> None:
    with one_connection(settings_for(cluster.url), 1) as client:
        append = appending(shard, client)
        assert send(append, "a") == 1
        target = cluster.begin_to_move(shard.keys.epoch)
        before = shard.redis.xlen(shard.keys.log)
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                send(append, "b")
        assert shard.redis.xlen(shard.keys.log) == before
        cluster.move_keys(shard.keys.epoch, target)
        with pytest.raises(redis.ConnectionError):
            send(append, "b")
        cluster.end_move(shard.keys.epoch, target)
        assert after_outage(lambda: send(append, "b")) == 2
        assert [record.seq for record in read_tail(shard, [GROUP]).records] == [1, 2]


def test_subscription_follows_the_slot(cluster: RedisCluster, shard: Shard) -> None:
    channel, settings = shard.keys.gateway_channel("here"), settings_for(cluster.url)

    def publish() -> int:
        return int(shard.redis.eval("return redis.call('PUBLISH', KEYS[1], 'hello')", 1, channel))

    with connect_redis(settings, 1, timeout_seconds=30, protocol=2, fail_fast=False) as client:
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe(channel)
        wait_until(lambda: publish() == 1, PATIENCE, "the subscription")
        cluster.move_slot(shard.keys.epoch)
        assert after_outage(publish) == 0, "scripts count only who listens at their node"
        with pytest.raises(redis.ConnectionError, match="another node"):
            wait_until(lambda: pubsub.get_message(timeout=0.2) and False, PATIENCE, "the lost subscription")
        pubsub.subscribe(channel)
        wait_until(lambda: publish() == 1, PATIENCE, "the new subscription")
        pubsub.close()


def test_dead_node_is_an_outage_of_its_shards_until_its_replica_takes_over(
    cluster: RedisCluster, shards: Shards, shard: Shard
) -> None:
    dead = cluster.node_of(shard.keys.epoch)
    others = [other for other in shards if cluster.node_of(other.keys.epoch) is not dead]
    shard.redis.wait(1, 5000)
    dead.kill()
    with pytest.raises(Overloaded), redis_errors_as_overloaded():
        shard.redis.get(shard.keys.epoch)
    for other in others:
        after_outage(lambda other=other: other.redis.set(other.keys.version, 1))
    assert after_outage(lambda: shard.redis.get(shard.keys.epoch)) == f"{EPOCH}:0".encode()
    assert cluster.node_of(shard.keys.epoch) is not dead


def test_frozen_node_is_left_once_its_replica_has_taken_over(cluster: RedisCluster, shard: Shard) -> None:
    frozen = cluster.node_of(shard.keys.epoch)
    shard.redis.wait(1, 5000)
    frozen.freeze()
    try:
        with pytest.raises(Overloaded), redis_errors_as_overloaded():
            shard.redis.get(shard.keys.epoch)

        def found() -> Any:
            try:
                return shard.redis.get(shard.keys.epoch)
            except redis.RedisError:
                return None

        wait_until(found, PATIENCE, "the replica")
    finally:
        frozen.thaw()


def test_other_names_of_the_same_node_are_no_move(cluster: RedisCluster) -> None:
    named = ClusterAddress(tuple(("localhost", node.port) for node in cluster.nodes))
    primary = SlotPrimary(named, "key")
    first = primary.find()
    for node in named.nodes:
        if node != first:
            primary.doubt(node)
        assert primary.find() == first
    primary.doubt()
    assert primary.find() == ("127.0.0.1", cluster.node_of("key").port), "others name it as the cluster does"


def problem(settings: Settings) -> str:
    with pytest.raises(ConfigError) as caught:
        check_redis_addresses(settings)
    (line,) = caught.value.problems
    assert "\n" not in line
    return line


def test_address_of_a_cluster_is_no_problem(cluster: RedisCluster) -> None:
    check_redis_addresses(settings_for(cluster.url))


def test_servers_without_cluster_mode_are_not_taken_for_a_cluster(cluster: RedisCluster, redis_url: str) -> None:
    port = redis_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    line = problem(settings_for(f"redis+cluster://127.0.0.1:{port}"))
    assert line.startswith("REDIS_URL names a Redis without cluster mode.")
    line = problem(settings_for(f"redis://127.0.0.1:{cluster.nodes[0].port}"))
    assert line.startswith("REDIS_URL names a node of a Redis cluster. Write it as redis+cluster://")


def test_cluster_that_does_not_answer_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    check_redis_addresses(settings_for(f"redis+cluster://127.0.0.1:{free_port()}"))
    (record,) = caplog.records
    assert "REDIS_URL: no answer yet" in record.getMessage()


def test_login_of_the_address_is_used(cluster: RedisCluster) -> None:
    for node in cluster.nodes:
        with node.client() as admin:
            admin.acl_setuser(
                "parley", enabled=True, passwords=["+p@ss"], keys=["*"], channels=["*"], commands=["+@all"]
            )
    url = cluster.url.replace("://", "://parley:p%40ss@")
    with connect_redis(settings_for(url), 1) as client:
        assert client.acl_whoami() == b"parley"
    with pytest.raises(redis.ConnectionError), connect_redis(settings_for(url.replace("p%40ss", "no")), 1) as client:
        client.ping()
