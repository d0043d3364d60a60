"""After a loss of Redis, hundreds of conversations are back in Redis after few calls of Redis and Postgres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from app.core.errors import NotFound, Overloaded, ParleyError
from app.message_log.conversations import LARGE, group_now
from app.message_log.shards import Shard, Shards
from app.services.reading.conversation_cache import ConversationCache
from app.services.reading.direct_cache import DirectCache
from app.services.reading.hydrator import LOOKED_UP_AT_ONCE, READ_AT_ONCE
from app.store.engine import writing
from app.store.sql import HotStatement
from tests.factories.store import add_direct, add_group, add_users
from tests.integration.drain.log_and_store import LogAndStore
from tests.support.process_engine import module_engine as engine

__all__ = ["engine"]

CONVERSATIONS = 400
UNKNOWN = 10**12


class Cache:
    """A cache without a gateway: ``hydrate`` runs all work that ``when_hydrated`` has begun."""

    def __init__(self, engine: Engine, client: redis.Redis, epoch: int) -> None:
        self._begun: list[Callable[[], None]] = []
        self.found: dict[int, list[ParleyError | None]] = {}
        self.directs = DirectCache()
        self.conversations = ConversationCache(
            engine=engine,
            shards=Shards([client]),
            directs=self.directs,
            run_blocking=self._begun.append,
            present_epoch=lambda _: epoch,
        )

    def hydrate(self, *conversations: int) -> None:
        for conversation in conversations:
            self.conversations.when_hydrated(conversation, self.found.setdefault(conversation, []).append)
        while self._begun:
            self._begun.pop(0)()


@pytest.fixture
def log(engine: Engine, redis_client: redis.Redis) -> LogAndStore:
    redis_client.flushall()
    return LogAndStore(redis_client, engine)


def test_conversations_of_a_lost_redis_come_back_in_few_calls(
    log: LogAndStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = add_users(engine, CONVERSATIONS + 1)
    pairs = [add_direct(engine, people[0], other) for other in people[1:]]
    statements: list[str] = []
    calls: list[int] = []
    pool = log.redis.connection_pool
    rows, lend = HotStatement.rows, pool.get_connection

    def counted(self: HotStatement, *args: Any, **values: Any) -> list[tuple[Any, ...]]:
        statements.append(self.text)
        return rows(self, *args, **values)

    def counted_lend(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return lend(*args, **options)

    monkeypatch.setattr(HotStatement, "rows", counted)
    monkeypatch.setattr(pool, "get_connection", counted_lend)
    cache = Cache(engine, log.redis, log.epoch)
    cache.hydrate(*pairs)
    assert cache.found == {pair: [None] for pair in pairs}
    reads = CONVERSATIONS / READ_AT_ONCE
    # The first conversation went alone.
    assert len(calls) <= 2 + CONVERSATIONS / LOOKED_UP_AT_ONCE + reads + 2
    assert len(statements) <= 2 * (reads + 2)
    assert all(log.send(pair, people[0], "Hello")[0][1][:2] == (0, 1) for pair in pairs[:: CONVERSATIONS // 10])

    del statements[:], calls[:]
    Cache(engine, log.redis, log.epoch).hydrate(*pairs)
    assert len(calls) + len(statements) <= 2 + CONVERSATIONS / LOOKED_UP_AT_ONCE + 3 * (reads + 2)


def test_conversations_of_all_sizes_are_hydrated_beside_unknown_ones(log: LogAndStore, engine: Engine) -> None:
    people = add_users(engine, LARGE + 5)
    pair, notes = add_direct(engine, people[0], people[1]), add_direct(engine, people[0], people[0])
    group, crowd = add_group(engine, people[:3]), add_group(engine, people)
    grown = add_group(engine, people)
    with writing(engine) as conn:  # its members are more than its row says: the last ones joined a moment ago
        conn.execute(text("UPDATE conversations SET member_count = 3 WHERE id = :id"), {"id": grown})
    cache = Cache(engine, log.redis, log.epoch)
    cache.hydrate(pair, UNKNOWN, crowd, notes, group, grown, crowd)
    (unknown,) = cache.found.pop(UNKNOWN)
    assert isinstance(unknown, NotFound)
    assert cache.found == {pair: [None], crowd: [None, None], notes: [None], group: [None], grown: [None]}
    sizes = {one: now.member_count for one in (group, crowd, grown) if (now := group_now(Shard(log.redis), one))}
    assert sizes == {group: 3, crowd: LARGE + 5, grown: LARGE + 5}
    assert cache.directs.peer(pair, people[0]) == people[1]
    assert all(log.send(one, people[0], "Hello")[0][1][:2] == (0, 1) for one in (pair, notes, group, crowd, grown))


def test_scripts_that_redis_has_forgotten_are_loaded_again(log: LogAndStore, engine: Engine) -> None:
    people = add_users(engine, 4)
    pairs = [add_direct(engine, people[0], other) for other in people]
    cache = Cache(engine, log.redis, log.epoch)
    cache.hydrate(pairs[0])
    log.redis.script_flush()
    cache.hydrate(*pairs[1:])
    assert cache.found == {pair: [None] for pair in pairs}


def test_key_of_another_type_concerns_only_its_conversation(log: LogAndStore, engine: Engine) -> None:
    people = add_users(engine, 5)
    pairs = [add_direct(engine, people[0], other) for other in people]
    log.redis.set(log.shard.keys.conversation(pairs[2]), "not a hash")
    cache = Cache(engine, log.redis, log.epoch)
    cache.hydrate(*pairs)
    (refused,) = cache.found.pop(pairs[2])
    assert isinstance(refused, Overloaded)
    assert all(outcomes == [None] for outcomes in cache.found.values())
