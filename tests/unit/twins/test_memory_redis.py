"""The in-memory twin of Valkey passes the tests of Valkey and of the message log."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twins.log_contract import LogContract
from tests.twins.memory_redis import MemoryRedis
from tests.twins.redis_contract import RedisContract


@pytest.fixture
def redis() -> MemoryRedis:
    return MemoryRedis()


class TestCommands(RedisContract):
    @staticmethod
    def cut_subscriptions(redis: Any) -> None:
        redis.cut_subscriptions()


class TestLog(LogContract):
    pass
