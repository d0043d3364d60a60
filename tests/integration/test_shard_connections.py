"""Shards on several Redis servers: connections, readiness, risks and checks at start by address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from sqlalchemy import Engine

from app.bootstrap import build_container
from app.config import Settings
from app.container import Container
from app.message_log.shards import Shards
from app.redis_check import check_redis_addresses
from app.redis_connections import connect_redis, connect_shards, one_connection
from app.services.metrics.deployment_risks import find_risks
from app.services.metrics.readiness import Readiness
from app.store.replica import StoreReads
from dev.embedded_valkey import EmbeddedValkey
from tests.support.own_valkey import lone_node
from tests.support.own_valkey import own_valkey as second
from tests.support.process_engine import engine
from tests.support.redis_settings import problem

__all__ = ["engine", "lone_node", "second"]


@pytest.fixture
def split(settings: Settings, second: EmbeddedValkey) -> Settings:
    """Four shards on two servers."""
    return replace(settings, shards=4, redis_shard_urls=(settings.redis_url, second.url()))


@pytest.fixture
def container(split: Settings) -> Iterator[Container]:
    made = build_container(split)
    yield made
    made.close()


def test_shards_are_on_the_servers_in_turn(container: Container, second: EmbeddedValkey) -> None:
    for number, shard in enumerate(container.shards):
        shard.redis.set(shard.keys.version, number + 10)
    with second.client() as client:
        assert sorted(client.keys()) == [b"{parley:1}:version", b"{parley:3}:version"]
    assert container.shards[2].redis.get(container.shards[2].keys.version) == b"12"
    assert container.redis is container.shards[0].redis, "what exists once is beside the first shard"


def test_shards_on_one_address_share_a_pool(split: Settings, settings: Settings) -> None:
    clients = connect_shards(split)
    assert clients[0] is clients[2]
    assert clients[1] is clients[3]
    assert clients[0] is not clients[1]
    assert len(set(connect_shards(replace(settings, shards=8)))) == 1


def test_single_connection_goes_to_the_server_of_its_shard(split: Settings, second: EmbeddedValkey) -> None:
    with one_connection(split, 1) as client, connect_redis(split, 3) as pooled:
        client.set("here", 1)
        assert pooled.get("here") == b"1"
    with second.client() as other:
        assert other.get("here") == b"1"


def test_close_closes_the_connections_to_all_servers(container: Container, second: EmbeddedValkey) -> None:
    for shard in container.shards:
        shard.redis.ping()
    with second.client() as client:
        assert client.info("clients")["connected_clients"] == 2
        container.close()
        assert client.info("clients")["connected_clients"] == 1


def test_readiness_names_the_shards_whose_redis_does_not_answer(
    engine: Engine, split: Settings, second: EmbeddedValkey
) -> None:
    shards = Shards(connect_shards(split))
    readiness = Readiness(engine=engine, redis=shards[0].redis, shards=shards)
    assert readiness.missing() == ["worker"]
    second.kill()
    assert readiness.missing() == ["redis of shards 1, 3", "worker"]
    readiness.close()


def test_risk_names_the_shards_of_a_careless_redis(
    engine: Engine, split: Settings, second: EmbeddedValkey, redis_client: redis.Redis
) -> None:
    redis_client.config_set("appendonly", "yes")
    shards = Shards(connect_shards(split))
    assert find_risks(shards, engine, StoreReads(engine), settings=split) == []
    with second.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    (risk,) = find_risks(shards, engine, StoreReads(engine), settings=split)
    assert risk.startswith("Redis has maxmemory-policy allkeys-lru")
    assert risk.endswith("This is the Redis of shards 1, 3.")


def test_each_wrong_address_is_a_line_at_start(lone_node: EmbeddedValkey, split: Settings) -> None:
    check_redis_addresses(split)
    line = problem(replace(split, redis_shard_urls=(split.redis_url, lone_node.url())))
    assert line.startswith("REDIS_SHARD_URLS (address 2) names a node of a Redis cluster.")
