"""Redis dies, loses data, hangs, or drops a subscription."""

from __future__ import annotations

import random

import pytest

from app.message_log import keys
from tests.faults.cluster import Cluster, lasted
from tests.faults.conftest import Chat

pytestmark = pytest.mark.faults


def test_redis_killed_and_restarted_with_its_file(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        cluster.stack.kill_redis()
        crowd.wait_pending(20)
        cluster.stack.restart_redis(aof=True)
        crowd.fault_over()
        crowd.wait_acks(2)


def test_redis_comes_back_older(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Redis comes back without the end of its append-only file, as after a lost last second, or on a replica that
    lagged.
    """
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        cluster.stack.kill_redis()
        cluster.cut_append_only_file(rng.randint(5_000, 60_000))
        cluster.stack.restart_redis(aof=True)
        crowd.fault_over()
        crowd.wait_acks(2)


def test_redis_killed_and_restarted_empty(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Sends without an ack are repeated under the same id; acked messages are in Postgres."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        cluster.stack.kill_redis()
        crowd.wait_pending(20)
        cluster.stack.restart_redis(aof=False)
        crowd.fault_over()
        crowd.wait_acks(2)


def test_redis_flushed_while_running(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        with cluster.stores.valkey.client() as client:
            client.flushall()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_log_trimmed_to_nothing(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """An operator runs XTRIM while the workers are down. Records only in the log had no ack and are sent again."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for index in range(2):
            cluster.stack.kill_worker(index)
        crowd.wait_pending(40)
        with cluster.stores.valkey.client() as client:
            client.xtrim(keys.FIRST.log, maxlen=0, approximate=False)
        for index in range(2):
            cluster.stack.start_worker(index)
        crowd.fault_over()
        crowd.wait_acks(2)


def test_cut_subscriptions(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Pub/sub forgets undelivered messages, so a gateway must notice the gap and fetch them."""
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.wait_acks(1)
            with cluster.stores.valkey.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        crowd.fault_over()
        crowd.wait_acks(1)


def test_every_redis_connection_is_cut(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.wait_acks(1)
            with cluster.stores.valkey.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        crowd.fault_over()
        crowd.wait_acks(1)


def test_redis_hangs(cluster: Cluster, chat: Chat, rng: random.Random, long_form: bool) -> None:
    """Redis is frozen: nothing answers, and no connection breaks."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.stores.valkey.freeze()
        try:
            crowd.wait_for(lasted(rng.uniform(6, 30) if long_form else 8), 60, "the end of the freeze")
        finally:
            cluster.stores.valkey.thaw()
        crowd.fault_over()
        crowd.wait_acks(2)


REFUSING = {
    "readonly": (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
    "out-of-memory": (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
    "no-replicas": (["CONFIG", "SET", "min-replicas-to-write", "3"], ["CONFIG", "SET", "min-replicas-to-write", "0"]),
}


def test_redis_refuses_writes(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """A failover, a full memory, missing replicas: Redis answers, but with an error. No process ends of it."""
    pids = [child.pid for child in cluster.stack.children]
    with chat() as crowd, cluster.stores.valkey.client() as client:
        for refuse, allow in rng.sample(list(REFUSING.values()), len(REFUSING)):
            crowd.wait_acks(1)
            client.execute_command(*refuse)
            try:
                crowd.wait_for(lasted(6), 60, "the end of the refusal")
            finally:
                client.execute_command(*allow)
            crowd.fault_over()
    assert all(child.running() for child in cluster.stack.children)
    assert [child.pid for child in cluster.stack.children] == pids
