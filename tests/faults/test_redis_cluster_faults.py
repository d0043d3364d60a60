"""A Redis Cluster under a chat: the slot of the log moves to another node, and its node dies."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from app.message_log import keys
from tests.faults.cluster import Cluster, OnOther, cluster_on
from tests.faults.conftest import Chat
from tests.faults.outside import Outside
from tests.support.processes import Stack
from tests.support.redis_cluster import running_cluster

pytestmark = pytest.mark.faults

LOG = keys.FIRST.log


def use_other_broker(stack: Stack) -> None:
    for child in stack.children:
        child.env["CELERY_BROKER_URL"] = stack.stores.valkey.url()


@pytest.fixture(scope="module")
def shared_cluster(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes with replicas instead of the one server of the other scenarios, which is only the broker."""
    with (
        running_cluster(tmp_path_factory.mktemp("cluster"), replicas=True) as nodes,
        cluster_on(nodes, outside, use_other_broker) as cluster,
    ):
        yield cluster


def chat_goes_on_after(fault: Callable[[], object], chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        fault()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_chat_goes_on_after_the_slot_moved_at_once(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    chat_goes_on_after(lambda: cluster.redis.move_slot(LOG), chat, rng)


def test_chat_goes_on_after_the_slot_moved_key_by_key(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    chat_goes_on_after(lambda: cluster.redis.move_slot_by_keys(LOG), chat, rng)


def test_chat_goes_on_after_the_replica_was_promoted(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    """An operator did it, so the old node lives and keeps its connections."""
    chat_goes_on_after(lambda: cluster.redis.fail_over(LOG), chat, rng)


def test_chat_goes_on_after_the_node_of_the_log_died(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.redis.kill_node_of(LOG)
        crowd.fault_over()
        crowd.wait_acks(2)
