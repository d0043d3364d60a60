"""The in-memory twin of the store passes the tests of Postgres."""

from __future__ import annotations

from itertools import count

import pytest

from app.store.batch_statement import NewMessage, Receipt
from app.store.engine import reading, writing
from tests.twins.memory_store import MemoryEngine, MemoryStore
from tests.twins.store_contract import StoreContract


class MemoryWorld:
    def __init__(self) -> None:
        self.conn = MemoryEngine()
        self.functions = MemoryStore()
        self._ids = count(1)

    def users(self, number: int) -> list[int]:
        return [next(self._ids) for _ in range(number)]

    def direct(self, user: int, other: int) -> int:
        self.functions.add_direct(id_ := next(self._ids), user, other)
        return id_

    def group(self, members: list[int]) -> int:
        self.functions.add_group(id_ := next(self._ids), members)
        return id_

    def store(self, messages: list[NewMessage], receipts: list[Receipt] = []) -> None:  # noqa: B006
        self.functions.store(messages, receipts)


class TestStore(StoreContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld()


def test_engine_twin_yields_a_connection() -> None:
    engine = MemoryEngine()
    for open_ in (reading, writing):
        with open_(engine) as connection:  # type: ignore[arg-type]
            assert connection is engine
