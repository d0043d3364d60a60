"""SHARDS and REDIS_SHARD_URLS set the number of shards and their addresses."""

from __future__ import annotations

import pytest

from app.config import ConfigError, Settings, read_settings

NEEDED = {"DATABASE_URL": "postgres://u:p@h/d", "SECRET_KEY": "an unguessable key, of many letters"}
FOUR = "redis://a redis://b, redis://c,redis://d"


def read(**env: str) -> Settings:
    return read_settings({**NEEDED, **env})


def test_one_shard_by_default() -> None:
    settings = read(REDIS_URL="redis://a")
    assert (settings.shards, settings.redis_shard_urls, settings.redis_url_of(0)) == (1, (), "redis://a")


def test_all_shards_are_in_one_redis_without_further_addresses() -> None:
    settings = read(REDIS_URL="redis://a", SHARDS="4")
    assert {settings.redis_url_of(shard) for shard in range(settings.shards)} == {"redis://a"}


def test_addresses_say_how_many_shards_there_are_and_where_the_first_and_the_broker_are() -> None:
    settings = read(REDIS_SHARD_URLS=FOUR)
    assert settings.shards == 4
    assert (settings.redis_url, settings.broker_url) == ("redis://a", "redis://a")
    assert [settings.redis_url_of(shard) for shard in range(4)] == ["redis://a", "redis://b", "redis://c", "redis://d"]
    assert read(REDIS_SHARD_URLS=FOUR, REDIS_URL="redis://a") == settings
    assert "redis://" not in repr(settings)


def test_shards_share_addresses_in_turn() -> None:
    settings = read(REDIS_SHARD_URLS="redis://a redis://b", SHARDS="4")
    assert [settings.redis_url_of(shard) for shard in range(4)] == ["redis://a", "redis://b"] * 2


@pytest.mark.parametrize(
    ("env", "line"),
    [
        *[
            (
                {"REDIS_URL": "redis://a", "SHARDS": shards},
                f"SHARDS must be a power of two, from 1 to 64, not {shards}.",
            )
            for shards in ("0", "-2", "3", "128")
        ],
        ({"REDIS_URL": "redis://a", "SHARDS": "two"}, "SHARDS='two' is not a number."),
        (
            {"REDIS_SHARD_URLS": "redis://a redis://b redis://c"},
            "REDIS_SHARD_URLS has 3 addresses. Their number must be a power of two, at most 64.",
        ),
        (
            {"REDIS_SHARD_URLS": FOUR, "SHARDS": "2"},
            "SHARDS=2 must be a multiple of the number of addresses in REDIS_SHARD_URLS, which is 4.",
        ),
        (
            {"REDIS_SHARD_URLS": FOUR, "REDIS_URL": "redis://b"},
            "REDIS_URL must be the first address of REDIS_SHARD_URLS, written in the same way, or unset.",
        ),
        (
            {"REDIS_SHARD_URLS": "redis://a redis://"},
            "REDIS_SHARD_URLS (address 2) must name a host, and a port if it is not 6379:"
            " redis://user:password@host:6379/0.",
        ),
        (
            {"REDIS_SHARD_URLS": "a:1 redis://b"},
            "REDIS_SHARD_URLS (address 1) must begin with redis://, rediss://, unix://, redis+sentinel:// or"
            " redis+cluster://.",
        ),
    ],
)
def test_wrong_value_is_one_line(env: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**env)
    assert caught.value.problems == (line,)
