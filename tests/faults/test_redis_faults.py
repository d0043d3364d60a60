"""Redis dies, forgets, hangs, or drops a subscription."""

from __future__ import annotations

import random

import pytest

from app.message_log import keys
from tests.faults.cluster import Cluster, lasting
from tests.faults.conftest import Chat

pytestmark = pytest.mark.faults


def test_killed_and_restarted_with_its_file(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        cluster.stack.kill_redis()
        crowd.wait_pending(20)
        cluster.stack.restart_redis(aof=True)
        crowd.wait_acks(3, 60)


def test_killed_and_restarted_empty(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """What was not acked is sent again under the same id; what was acked is in Postgres."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        cluster.stack.kill_redis()
        crowd.wait_pending(20)
        cluster.stack.restart_redis(aof=False)
        crowd.wait_acks(3, 60)


def test_flushed_while_it_runs(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        with cluster.stores.valkey.client() as client:
            client.flushall()
        crowd.wait_acks(3, 60)


def test_the_log_is_trimmed_to_nothing(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """An operator's XTRIM with workers down: what was in the log alone was not acked, and is sent again."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for index in range(2):
            cluster.stack.kill_worker(index)
        crowd.wait_pending(40)
        with cluster.stores.valkey.client() as client:
            client.xtrim(keys.LOG, maxlen=0, approximate=False)
        for index in range(2):
            cluster.stack.start_worker(index)
        crowd.wait_acks(3, 60)


def test_subscriptions_are_cut(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Pub/sub forgets what it could not deliver: a gateway must notice and fetch what it missed."""
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.wait_acks(1)
            with cluster.stores.valkey.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        crowd.wait_acks(2)


def test_every_connection_is_cut(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    with chat() as crowd:
        for _ in range(rng.randint(2, 4)):
            crowd.wait_acks(1)
            with cluster.stores.valkey.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        crowd.wait_acks(2, 60)


def test_hangs(cluster: Cluster, chat: Chat, rng: random.Random, long_form: bool) -> None:
    """Frozen, not gone: nothing answers and no connection breaks."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.stores.valkey.freeze()
        try:
            crowd.wait_for(lasting(30 if long_form else 4), 60, "the time of the freeze")
        finally:
            cluster.stores.valkey.thaw()
        crowd.wait_acks(3, 60)
