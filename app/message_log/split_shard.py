"""Prepares the Redis of a shard that is split off from another one, its parent, while no process serves.

* The new shard goes on in the parent's epoch, beyond the parent's last version. So a cursor with the position of the
  parent is valid for both.
* The dedupe marks are not moved. So the epoch begins now, and older message ids are looked up in Postgres.
* Open streams are moved, because a part of their text may be nowhere else.
* Everything else of the moved conversations (hashes, members, counts, routes, marks and notes of changes) stays in the
  parent until it expires. Nothing reads it: a conversation is only looked up in its shard. The log, the tails and the
  list of joinings are empty. Gateways that start register their online users in every shard.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from app.message_log.epoch import last_version
from app.message_log.keys import CONVERSATION_SECONDS
from app.message_log.shards import Shard

KEYS_AT_ONCE = 1000


def prepare_child(parent: Shard, child: Shard, epoch: int) -> None:
    """Safe to repeat until a process uses the new shard. Deletes the new shard's old data. Raises RedisError."""
    delete_all(child)
    # Sessions may have the parent's milestone as their position, and the child's next version must be greater.
    version = max(last_version(parent), int(parent.redis.get(parent.keys.milestone) or 0))
    child.redis.set(child.keys.version, version)
    child.redis.hset(child.keys.log_state, "stored", version)  # everything that exists is in Postgres
    for conversation, seq, appended_ms in _streams(parent):
        if child.part.has(conversation):
            _copy_stream(parent, child, conversation, seq, appended_ms)
    child.redis.set(child.keys.epoch, f"{epoch}:{int(time.time() * 1000)}")


def forget_moved_streams(shard: Shard) -> None:
    """Deletes the streams of conversations that the shard no longer has. Raises RedisError."""
    for conversation, seq, _ in _streams(shard):
        if not shard.part.has(conversation):
            _delete_stream(shard, conversation, seq)


def delete_all(shard: Shard) -> None:
    """Deletes every key with the shard's tag: first the epoch, without which the others mean nothing."""
    redis: Any = shard.redis
    redis.delete(shard.keys.epoch)
    some: list[bytes] = []
    for name in redis.scan_iter(match=shard.keys.prefix + "*", count=KEYS_AT_ONCE):
        some.append(name)
        if len(some) == KEYS_AT_ONCE:
            redis.unlink(*some)
            some = []
    if some:
        redis.unlink(*some)


def _streams(shard: Shard) -> Iterator[tuple[int, int, float]]:
    """Yields conversation, seq and the time of the last append of each open stream."""
    rows: Any = shard.redis.zrange(shard.keys.streams, 0, -1, withscores=True)
    for place, appended_ms in rows:
        conversation, seq = place.split(b":")
        yield int(conversation), int(seq), appended_ms


def _copy_stream(parent: Shard, child: Shard, conversation: int, seq: int, appended_ms: float) -> None:
    fields: Any = parent.redis.hgetall(parent.keys.stream(conversation, seq))
    if not fields:  # it has expired
        return
    keys, redis = child.keys, child.redis
    texts = {
        keys.stream_text(conversation, seq): parent.redis.get(parent.keys.stream_text(conversation, seq)),
        keys.stream_saved(conversation, seq): parent.redis.get(parent.keys.stream_saved(conversation, seq)),
        keys.stream_place(fields[b"i"].decode()): keys.open_stream(conversation, seq),
    }
    pipe = redis.pipeline(transaction=True)
    pipe.hset(keys.stream(conversation, seq), mapping=fields)
    pipe.expire(keys.stream(conversation, seq), CONVERSATION_SECONDS)
    for name, value in texts.items():
        if value is not None:
            pipe.set(name, value, ex=CONVERSATION_SECONDS)
    pipe.sadd(keys.open_streams(conversation), seq)
    pipe.expire(keys.open_streams(conversation), CONVERSATION_SECONDS)
    pipe.zadd(keys.streams, {keys.open_stream(conversation, seq): appended_ms})
    pipe.execute()


def _delete_stream(shard: Shard, conversation: int, seq: int) -> None:
    keys, redis = shard.keys, shard.redis
    id_: Any = redis.hget(keys.stream(conversation, seq), "i")
    pipe = redis.pipeline(transaction=True)
    pipe.zrem(keys.streams, keys.open_stream(conversation, seq))
    pipe.unlink(
        keys.stream(conversation, seq),
        keys.stream_text(conversation, seq),
        keys.stream_saved(conversation, seq),
        keys.open_streams(conversation),
        *([keys.stream_place(id_.decode())] if id_ else []),
    )
    pipe.execute()
