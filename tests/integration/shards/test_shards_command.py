"""``flask shards`` shows the shards, and refuses some numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from sqlalchemy import Engine

from app.config import Settings
from app.message_log.shard_keys import ShardKeys
from app.redis_addresses import without_login
from app.shard_check import check_shard_count
from tests.support.commands import flask


@pytest.mark.parametrize(
    ("number", "line"),
    [
        ("2", "The number of shards is 4, and it cannot be lowered."),
        ("6", "SHARDS must be a power of two, from 1 to 64, not 6."),
        ("128", "SHARDS must be a power of two, from 1 to 64, not 128."),
    ],
)
def test_command_refuses_a_wrong_number(
    new: Engine, settings: Settings, env: dict[str, str], number: str, line: str
) -> None:
    assert check_shard_count(replace(settings, shards=4))
    done = flask(env, "shards", number)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"Error: {line} Nothing was changed.")


def test_command_shows_each_shard(new: Engine, redis_client: redis.Redis, env: dict[str, str]) -> None:
    redis_client.flushall()
    redis_client.set(ShardKeys(1).epoch, "7:0")
    redis_client.set(ShardKeys(1).lease, "token")
    redis_client.hset(ShardKeys(1).log_state, "records", 3)
    done = flask({**env, "SHARDS": "2"}, "shards")
    assert done.returncode == 0, done.stderr
    place = without_login(env["REDIS_URL"])
    assert done.stdout.splitlines() == [
        "2 shards",
        f"shard 0: {place}, no epoch, 0 records waiting, no drain running",
        f"shard 1: {place}, epoch 7, 3 records waiting, drain running",
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://host", "redis://host"),
        ("rediss://me:p@ss@host:6379/0?ssl_ca_certs=x", "rediss://host:6379/0"),
        ("redis+sentinel://:secret@a:1,b:2/main?sentinel_password=s@t", "redis+sentinel://a:1,b:2/main"),
        ("unix:///run/redis.sock?password=secret", "unix:///run/redis.sock"),
    ],
)
def test_addresses_are_shown_without_passwords(url: str, shown: str) -> None:
    assert without_login(url) == shown
