"""The blockers of a direct conversation in Redis equal those in Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import redis

from app.core.records import unpack
from app.message_log import keys
from app.message_log.conversations import set_blockers
from app.message_log.shards import Shard
from tests.support.clients import RestClient, register
from tests.support.processes import Stack

STACK = {"env": {"WRITES_PER_MINUTE": "0"}}


def test_blockers_are_set_only_for_a_conversation_in_redis(redis_client: redis.Redis) -> None:
    assert not set_blockers(Shard(redis_client), 7, [1])
    assert redis_client.exists(keys.FIRST.conversation(7)) == 0
    redis_client.hset(keys.FIRST.conversation(7), "m", b"\x92\x01\x02")
    for blockers in ([1], [1, 2], []):
        assert set_blockers(Shard(redis_client), 7, blockers)
        assert unpack(redis_client.hget(keys.FIRST.conversation(7), "b")) == blockers


def test_block_reaches_a_loaded_and_a_reloaded_conversation(server: Stack, redis_client: redis.Redis) -> None:
    ann, ben = register(server.base_url), register(server.base_url)
    mine, theirs = RestClient(server.base_url, ann.access_token), RestClient(server.base_url, ben.access_token)
    key = keys.FIRST.conversation(mine.send(receiver_id=ben.user_id)["conversationId"])

    def blockers() -> list[int]:
        return unpack(redis_client.hget(key, "b"))

    assert blockers() == []
    mine.request("PUT", f"/blocks/{ben.user_id}")
    assert blockers() == [ann.user_id]
    theirs.request("PUT", f"/blocks/{ann.user_id}")
    assert blockers() == sorted([ann.user_id, ben.user_id])
    mine.request("DELETE", f"/blocks/{ben.user_id}")
    assert blockers() == [ben.user_id]
    redis_client.delete(key)
    mine.request("PUT", f"/blocks/{ben.user_id}")
    assert blockers() == sorted([ann.user_id, ben.user_id])
    for client in (mine, theirs):
        client.close()


def test_simultaneous_blocks_end_as_in_postgres(server: Stack, redis_client: redis.Redis) -> None:
    ann, ben = register(server.base_url), register(server.base_url)
    clients = [RestClient(server.base_url, account.access_token) for account in (ann, ben)]
    conversation = clients[0].send(receiver_id=ben.user_id)["conversationId"]

    def toggle(client: RestClient, other: int) -> None:
        for method in ["PUT", "DELETE"] * 10 + ["PUT"]:
            client.request(method, f"/blocks/{other}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(toggle, clients, [ben.user_id, ann.user_id]))
    blockers = unpack(redis_client.hget(keys.FIRST.conversation(conversation), "b"))
    assert blockers == sorted([ann.user_id, ben.user_id])
    for client in clients:
        client.close()
