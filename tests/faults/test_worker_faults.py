"""A worker dies in the middle of its batches."""

from __future__ import annotations

import os
import random
import signal

import pytest

from tests.faults.cluster import Cluster
from tests.faults.conftest import Chat
from tests.support.processes import group_members

pytestmark = pytest.mark.faults


def test_kill_9_of_the_pool_processes(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """The processes that drain die; their parents survive and fork new ones."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        for index in range(2):
            for process in cluster.worker_children(index):
                process.kill()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_kill_9_of_a_whole_worker(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """One of two workers dies. The other continues within seconds, without waiting for a restart."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 6))
        index = rng.randrange(2)
        cluster.stack.kill_worker(index)
        crowd.fault_over()
        crowd.wait_acks(2)
        cluster.stack.start_worker(index)


def test_kill_9_of_the_parent_of_a_worker(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Its pool processes lose their parent. They end, and do not go on beside the next worker."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        worker = rng.choice(cluster.stack.workers)
        group = worker.pid
        os.kill(worker.pid, signal.SIGKILL)
        crowd.fault_over()
        crowd.wait_for(lambda: not group_members(group), 60, "the end of the pool processes")
        worker.wait(5)
        worker.start()
        crowd.wait_acks(2)


def test_sigterm_of_a_worker_under_load(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """As at a deployment, the whole group gets SIGTERM: the drain ends at once and is handed over."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for worker in rng.sample(cluster.stack.workers, 2):
            worker.signal(signal.SIGTERM)
            worker.wait(25)
            crowd.wait_acks(2, 30)
            worker.start()
            crowd.wait_for(lambda w=worker: "ready" in w.log().rpartition("Warm shutdown")[2], 30, "the new worker")


def test_chat_continues_while_both_workers_are_dead(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """Live delivery needs no worker; acks come when a worker is back."""
    with chat() as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        for index in range(2):
            cluster.stack.kill_worker(index)
        crowd.wait_received(4)
        crowd.wait_pending(40)
        for index in range(2):
            cluster.stack.start_worker(index)
        crowd.fault_over()
        crowd.wait_acks(2)


def test_frozen_worker_does_not_block_the_others(cluster: Cluster, chat: Chat, rng: random.Random) -> None:
    """It may hold the lease when it freezes.

    After the thaw it must not write records that another worker has written.
    """
    with chat() as crowd:
        crowd.wait_acks(2)
        with cluster.frozen(cluster.stack.workers[rng.randrange(2)]):
            crowd.wait_acks(3, 60)
        crowd.fault_over()
