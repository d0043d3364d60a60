"""The same chat in a Redis cluster: the new shards are at other nodes than the first one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.message_log.shard_keys import ShardKeys
from tests.integration.shards.test_raised_chat import chat, test_chat_goes_on_after_the_number_was_raised
from tests.support.redis_cluster import PRIMARIES, RedisCluster, running_cluster

__all__ = ["chat", "test_chat_goes_on_after_the_number_was_raised"]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture
def place(cluster: RedisCluster, redis_url: str) -> dict[str, str]:
    nodes = {cluster.node_of(ShardKeys(number).epoch).port for number in range(4)}
    assert len(nodes) == PRIMARIES, "the four shards are at all nodes"
    return {"REDIS_URL": cluster.url, "CELERY_BROKER_URL": redis_url}
