"""In a Redis cluster, the scripts publish and count as subscribers subscribe; elsewhere they are left as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import redis

from app.redis_connections import connect_redis
from app.redis_publications import in_lua
from tests.support.redis_settings import settings_for

SCRIPTS = sorted((Path(__file__).parents[2] / "app").glob("*/lua/*.lua"))
COMMENT = re.compile(r"--.*")
NAMES = re.compile(r"\w*(?:PUBLISH|NUMSUB)\w*")


def client(url: str) -> redis.Redis:
    return connect_redis(settings_for(url))


def names_in(text: str) -> set[str]:
    return set(NAMES.findall(COMMENT.sub("", text)))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_script_has_the_commands_of_its_server(path: Path) -> None:
    text = path.read_text()
    assert names_in(text) <= {"PUBLISH", "NUMSUB"}
    assert names_in(in_lua(client("redis+cluster://127.0.0.1:1"), text)) <= {"SPUBLISH", "SHARDNUMSUB"}
    for url in ("redis://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/chat"):
        assert in_lua(client(url), text) is text


def test_some_script_publishes_and_some_counts() -> None:
    assert set().union(*(names_in(path.read_text()) for path in SCRIPTS)) == {"PUBLISH", "NUMSUB"}
