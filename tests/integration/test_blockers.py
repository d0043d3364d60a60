"""What Redis knows of the blocks of a direct conversation is what Postgres says."""

from __future__ import annotations

import redis

from app.core.records import unpack
from app.message_log import keys
from app.message_log.conversations import set_blockers


def test_blockers_are_noted_only_where_the_conversation_is(redis_client: redis.Redis) -> None:
    assert not set_blockers(redis_client, 7, [1])
    assert redis_client.exists(keys.conversation(7)) == 0
    redis_client.hset(keys.conversation(7), "m", b"\x92\x01\x02")
    for blockers in ([1], [1, 2], []):
        assert set_blockers(redis_client, 7, blockers)
        assert unpack(redis_client.hget(keys.conversation(7), "b")) == blockers
