"""A process whose SHARDS differs from the number of shards of the installation does not start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from app.config import CONFIG_EXIT_STATUS, ConfigError, Settings
from app.shard_check import check_shard_count
from dev.embedded import EmbeddedStores
from tests.factories.store import add_group, add_users
from tests.support.patience import PATIENCE
from tests.support.processes import Stack


def test_new_installation_takes_the_setting_over(new: Engine, settings: Settings) -> None:
    four = replace(settings, shards=4)
    assert check_shard_count(four)
    assert check_shard_count(four)
    with pytest.raises(ConfigError) as caught:
        check_shard_count(replace(settings, shards=8))
    assert caught.value.problems == (
        "SHARDS is 8, but this installation has 4 shards. Set SHARDS=4, or stop web and worker and run"
        " `flask --app wsgi shards 8`.",
    )
    with pytest.raises(ConfigError) as caught:
        check_shard_count(settings)
    assert caught.value.problems == (
        "SHARDS is 1, but this installation has 4 shards. Set SHARDS=4: the number, which `flask --app wsgi shards`"
        " shows, cannot be lowered.",
    )


def test_installation_with_conversations_has_one_shard(new: Engine, settings: Settings) -> None:
    add_group(new, add_users(new, 2))
    with pytest.raises(ConfigError, match=r"^SHARDS is 4, but this installation has 1 shard\. Set SHARDS=1, or stop"):
        check_shard_count(replace(settings, shards=4))
    assert check_shard_count(settings)


@pytest.mark.parametrize("database", ["nowhere", "unmigrated"])
def test_number_that_cannot_be_read_is_no_problem_yet(
    settings: Settings, empty_database_url: str, database: str
) -> None:
    url = "postgresql+psycopg://127.0.0.1:1/x" if database == "nowhere" else empty_database_url
    assert not check_shard_count(replace(settings, database_url=url))


def test_web_worker_and_beat_refuse_another_number(
    new: Engine, settings: Settings, stores: EmbeddedStores, work_dir: Path
) -> None:
    assert check_shard_count(replace(settings, shards=4))
    stack = Stack(
        stores,
        work_dir / "refused",
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        env={"SHARDS": "8", "WEB_CONCURRENCY": "3"},
    )
    for child in stack.children:
        child.start()
    for child in stack.children:
        assert (child.name, child.wait(PATIENCE)) == (child.name, CONFIG_EXIT_STATUS), child.log()
        line = "parley: SHARDS is 8, but this installation has 4 shards. Set SHARDS=4, or"
        assert child.log().count(line) == 1, child.log()
        assert "Traceback" not in child.log()
