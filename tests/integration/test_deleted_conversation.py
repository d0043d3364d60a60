"""A conversation that the host deletes: all its messages are erased, also those that arrive while it is deleted."""

from __future__ import annotations

from typing import Any, cast

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from app.core.records import pack
from app.message_log import keys
from app.message_log.shards import Shards
from app.services.host import delete_conversation as module
from app.services.host.put_conversation import ConversationWriter
from app.store import host_conversations as store
from app.store.engine import writing


class RemovesWhileAMemberWrites:
    """Removes no member: only the last message of the group counts here. Postgres does not have that message yet."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def remove_all(self, found: store.HostConversation) -> bool:
        self._redis.hset(keys.FIRST.conversation(found.id), "s", 8)
        return False


def test_message_that_arrives_during_the_removal_is_erased(
    engine: Engine, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "enqueue_erasure", lambda _: None)
    with writing(engine) as conn:
        made = store.create_host_group(conn, "room-to-delete", {"name": "Orders"}, [])
        assert made is not None
        found = store.find_by_id(conn, made)
    assert found is not None
    none = pack([])
    redis_client.hset(keys.FIRST.conversation(made), mapping={"m": none, "o": none, "a": none, "i": pack({}), "s": 7})
    writer = cast(ConversationWriter, RemovesWhileAMemberWrites(redis_client))
    carry_out: Any = None
    module.delete_conversation(
        found, engine=engine, shards=Shards([redis_client]), writer=writer, carry_out=carry_out, server_key="test"
    )
    with writing(engine) as conn:
        upto = conn.execute(text("SELECT erase_upto FROM conversations WHERE id = :id"), {"id": made}).scalar_one()
        store.end_erasure(conn, made)
    assert upto == 8
