"""The settings of a process that needs only Redis, and what is wrong with their addresses."""

from __future__ import annotations

from typing import Any

import pytest

from app.config import ConfigError, Settings
from app.redis_addresses import is_cluster
from app.redis_check import check_redis_addresses

OTHER_BROKER = "amqp://127.0.0.1:1//"


def settings_for(url: str, **changes: Any) -> Settings:
    """The broker is at the same address, unless that is a cluster."""
    broker = changes.pop("broker_url", OTHER_BROKER if is_cluster(url) else url)
    return Settings("test", "", url, broker, "x" * 32, **changes)


def problem(settings: Settings) -> str:
    """Returns the one line that a process prints for a wrong address when it starts."""
    with pytest.raises(ConfigError) as caught:
        check_redis_addresses(settings)
    (line,) = caught.value.problems
    assert "\n" not in line
    return line
