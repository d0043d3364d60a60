"""A failover of Redis behind Sentinels, under a chat: by an operator, and after the death of the primary."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.cluster import Cluster, cluster_running
from tests.faults.conftest import Chat
from tests.faults.outside import Outside
from tests.support.sentinels import Sentinels, running_sentinels

pytestmark = pytest.mark.faults


class SentinelCluster(Cluster):
    sentinels: Sentinels

    def heal(self) -> None:
        super().heal()
        self.sentinels.heal()


@pytest.fixture(scope="module")
def shared_cluster(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two servers and three Sentinels instead of the one server of the other scenarios."""
    env = {"OUTBOX_EVENTS": "200", "PING_SECONDS": "2", "WRITE_STALL_SECONDS": "3"} | outside.settings()
    with (
        running_sentinels(tmp_path_factory.mktemp("sentinels")) as sentinels,
        cluster_running(env, redis_url=sentinels.url) as plain,
    ):
        cluster = SentinelCluster(plain.stack, plain.to_postgres)
        cluster.sentinels = sentinels
        outside.subscribe(cluster.urls[0])
        yield cluster


def test_operator_promotes_the_replica(cluster: SentinelCluster, chat: Chat, rng: random.Random) -> None:
    """Until the old primary is a replica, it takes writes of gateways that have not noticed; they are lost."""
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.sentinels.fail_over()
        crowd.fault_over()
        crowd.wait_acks(2)


def test_primary_dies(cluster: SentinelCluster, chat: Chat, rng: random.Random) -> None:
    with chat(reads=False) as crowd:
        crowd.wait_acks(rng.randint(2, 4))
        cluster.sentinels.kill_primary()
        crowd.fault_over()
        crowd.wait_acks(2)
