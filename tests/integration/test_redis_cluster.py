"""In a Redis cluster, the client of each shard stays with the node that has the shard's slot."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis

from app.config import Settings
from app.core.errors import Overloaded
from app.core.kinds import Kind
from app.core.records import pack, unpack
from app.fanout.milestones import Milestones
from app.message_log.append import Append, Operation
from app.message_log.conversations import hydrate
from app.message_log.shards import Shard, Shards
from app.message_log.tails import read_tail
from app.redis_addresses import ClusterAddress
from app.redis_calls import redis_errors_as_overloaded
from app.redis_check import check_redis_addresses
from app.redis_cluster import SlotPrimary, slot_primary
from app.redis_connections import connect_redis, connect_shards, one_connection
from app.redis_publications import in_lua, publish, pushes_of, subscribe
from dev.processes import wait_until
from tests.support import redis_settings
from tests.support.outage import after_outage
from tests.support.patience import PATIENCE
from tests.support.redis_cluster import PRIMARIES, RedisCluster, running_cluster
from tests.support.redis_settings import problem
from tests.twins.log_contract import ANN, BEN, EPOCH, ROOM, LogContract, state

SHARDS = 8
GROUP = 41  # of shard 1
PUBLISHING = "return redis.call('PUBLISH', KEYS[1], 'hello')"


def settings_for(url: str) -> Settings:
    return redis_settings.settings_for(url, shards=SHARDS)


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


def test_milestone_comes_to_the_subscription_of_its_shard(cluster: RedisCluster, shard: Shard) -> None:
    channel = shard.keys.gateway_channel("here")
    shard.redis.hset(shard.keys.online, ANN, "here")
    with subscribed(cluster.url, channel) as pubsub:
        Milestones(shard, "here")([ANN, BEN])
        _, _, payload = pubsub.connection.read_response(push_request=True)
    milestone = int(shard.redis.get(shard.keys.milestone) or 0)  # type: ignore[arg-type]
    assert unpack(payload) == [EPOCH, [[[ANN], [Kind.MILESTONE, milestone]]]]


@pytest.mark.parametrize("change", ["move_slot", "fail_over"])
def test_subscription_ends_when_its_slot_gets_another_node(cluster: RedisCluster, shard: Shard, change: str) -> None:
    channel = shard.keys.gateway_channel("here")

    def receivers() -> int:
        return int(shard.redis.eval(in_lua(shard.redis, PUBLISHING), 1, channel))

    with subscribed(cluster.url, channel) as pubsub:
        assert receivers() == 1
        assert pubsub.connection.read_response(push_request=True) == [b"smessage", channel.encode(), b"hello"]
        getattr(cluster, change)(shard.keys.epoch)
        assert pubsub.connection.read_response(push_request=True)[0] == pushes_of(shard.redis).ended
    assert after_outage(receivers) == 0
    with subscribed(cluster.url, channel):
        assert receivers() == 1


def test_subscription_at_a_node_that_was_cut_off_ends_when_others_find_the_new_one(
    cluster: RedisCluster, shard: Shard
) -> None:
    with subscribed(cluster.url, shard.keys.rosters) as pubsub:
        pubsub.connection._primary.found = ("127.0.0.1", cluster.other_than(shard.keys.epoch).port)
        with pytest.raises(redis.ConnectionError, match="another node"):
            pubsub.connection.read_response(push_request=True)


@contextmanager
def subscribed(url: str, channel: str) -> Iterator[Any]:
    """Subscribes as a gateway does, and returns once the node has confirmed it."""
    client = connect_redis(settings_for(url), 1, timeout_seconds=30, fail_fast=False)
    with client, subscribe(client, channel) as pubsub:
        assert pubsub.connection.read_response(push_request=True)[:2] == [b"ssubscribe", channel.encode()]
        yield pubsub


LISTENING = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from app.config import Settings
from app.fanout.listener import Listener
from app.message_log.shards import Shards
from app.redis_connections import connect_redis, connect_shards

settings = Settings("development", "", sys.argv[1], "", "x" * 32, shards=8)
shard = Shards(connect_shards(settings))[1].over(connect_redis(settings, 1, timeout_seconds=30, fail_fast=False))
nothing = lambda *_: None
listener = Listener(shard, "here", compare=nothing, saw_epoch=nothing, saw_version=nothing, revoked=nothing,
                    dispatch=lambda epoch, items: print("got", epoch, items, flush=True),
                    resubscribed=lambda: print("subscribed", flush=True))
listener.start()
gevent.wait()
"""


def test_listener_subscribes_at_the_new_node_although_nothing_else_looks_for_it(
    cluster: RedisCluster, shard: Shard
) -> None:
    """Each subscription brings the sessions up to date (tests/unit/test_listener.py)."""
    command = [sys.executable, "-c", LISTENING, cluster.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(PATIENCE, process.kill)  # the next line is then empty
        late.start()
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "subscribed\n"
            for number in (1, 2):
                cluster.move_slot(shard.keys.epoch)
                assert process.stdout.readline() == "subscribed\n"
                item = pack([0, [[False, [number]]]])
                after_outage(lambda item=item: publish(shard.redis, shard.keys.gateway_channel("here"), item))
                assert process.stdout.readline() == f"got 0 [[False, [{number}]]]\n"
        finally:
            late.cancel()
            process.kill()


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


def test_address_of_a_cluster_is_no_problem(cluster: RedisCluster) -> None:
    check_redis_addresses(settings_for(cluster.url))


def test_servers_without_cluster_mode_are_not_taken_for_a_cluster(cluster: RedisCluster, redis_url: str) -> None:
    port = redis_url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    line = problem(settings_for(f"redis+cluster://127.0.0.1:{port}"))
    assert line.startswith("REDIS_URL names a Redis without cluster mode.")
    line = problem(settings_for(f"redis://127.0.0.1:{cluster.nodes[0].port}"))
    assert line.startswith("REDIS_URL names a node of a Redis cluster. Write it as redis+cluster://")


def test_login_of_the_address_needs_only_the_keys_and_channels_of_parley(cluster: RedisCluster, shard: Shard) -> None:
    for node in cluster.nodes:
        with node.client() as admin:
            admin.acl_setuser(
                "parley",
                enabled=True,
                passwords=["+p@ss"],
                keys=["{parley*"],
                channels=["{parley*"],
                commands=["+@all"],
            )
    url = cluster.url.replace("://", "://parley:p%40ss@")
    channel = shard.keys.gateway_channel("here")
    with subscribed(url, channel) as pubsub, connect_redis(settings_for(url), 1) as client:
        assert client.acl_whoami() == b"parley"
        assert client.eval(in_lua(client, PUBLISHING), 1, channel) == 1
        assert pubsub.connection.read_response(push_request=True) == [b"smessage", channel.encode(), b"hello"]
    with pytest.raises(redis.ConnectionError), connect_redis(settings_for(url.replace("p%40ss", "no")), 1) as client:
        client.ping()
