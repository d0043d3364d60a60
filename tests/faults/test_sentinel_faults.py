"""A failover of Redis behind Sentinels, under a chat: by an operator, and after the death of the primary."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, OnOther, cluster_on
from tests.faults.conftest import Chat
from tests.faults.outside import Outside
from tests.support.sentinels import running_sentinels

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def shared_cluster(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two servers and three Sentinels instead of the one server of the other scenarios."""
    with (
        running_sentinels(tmp_path_factory.mktemp("sentinels")) as sentinels,
        cluster_on(sentinels, outside) as cluster,
    ):
        yield cluster


def test_operator_promotes_the_replica(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    """Until the old primary is a replica, it takes writes of gateways that have not noticed; they are lost."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.redis.fail_over()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_primary_dies(cluster: OnOther, chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.redis.kill_primary()
        crowd.fault_over()
        crowd.wait_acks(2)
