"""The in-memory queue of push notifications passes the tests of Postgres."""

from __future__ import annotations

import pytest

from tests.twins.memory_push_queue import MemoryPushQueue
from tests.twins.push_queue_contract import PushQueueContract


class MemoryPushWorld(MemoryPushQueue):
    conn = None

    @property
    def functions(self) -> MemoryPushQueue:
        return self


class TestPushQueue(PushQueueContract):
    @pytest.fixture
    def world(self) -> MemoryPushWorld:
        return MemoryPushWorld()
