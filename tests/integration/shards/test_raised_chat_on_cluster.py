"""The same chat in a Redis cluster: the new shards are at other nodes than the first one."""

from __future__ import annotations

import pytest

from app.message_log.shard_keys import ShardKeys
from tests.integration.shards.test_raised_chat import chat, test_chat_goes_on_after_the_number_was_raised
from tests.support.redis_cluster import PRIMARIES, RedisCluster, primaries_only

__all__ = ["chat", "primaries_only", "test_chat_goes_on_after_the_number_was_raised"]


@pytest.fixture
def place(primaries_only: RedisCluster, redis_url: str) -> dict[str, str]:
    nodes = {primaries_only.node_of(ShardKeys(number).epoch).port for number in range(4)}
    assert len(nodes) == PRIMARIES, "the four shards are at all nodes"
    return {"REDIS_URL": primaries_only.url, "CELERY_BROKER_URL": redis_url}
