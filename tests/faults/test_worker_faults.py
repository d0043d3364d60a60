"""A worker dies in the middle of its batches."""

from __future__ import annotations

import random
import signal

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Chat

pytestmark = pytest.mark.faults


def test_kill_9_of_the_pool_processes(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """The processes that drain die; their parents live and fork anew."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        for index in range(2):
            for process in cluster.worker_children(index):
                process.kill()
        crowd.wait_acks(3, 60)


def test_kill_9_of_a_whole_worker(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """One of two: the other goes on within seconds, without waiting for a restart."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        cluster.stack.kill_worker(index)
        crowd.wait_acks(3, 30)
        cluster.stack.start_worker(index)


def test_sigterm_of_a_worker_under_load(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """As a platform does at a deploy, to the whole group: the drain ends at once and is handed over."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for worker in rng.sample(cluster.stack.workers, 2):
            worker.signal(signal.SIGTERM)
            worker.wait(25)
            crowd.wait_acks(2, 30)
            worker.start()
            crowd.wait_for(lambda w=worker: "ready" in w.log().rpartition("Warm shutdown")[2], 30, "the new worker")


def test_both_workers_dead_and_chat_goes_on(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Live delivery needs no worker; acks come when one is back."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for index in range(2):
            cluster.stack.kill_worker(index)
        crowd.wait_received(4)
        crowd.wait_pending(40)
        for index in range(2):
            cluster.stack.start_worker(index)
        crowd.wait_acks(3, 60)


def test_a_frozen_worker_does_not_hold_up_the_rest(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """It may hold the lease when it stops; thawed, it must not write what another has written."""
    with chat() as crowd:
        crowd.wait_acks(2)
        with cluster.frozen(cluster.stack.workers[rng.randrange(2)]):
            crowd.wait_acks(3, 60)
        crowd.wait_acks(2)
