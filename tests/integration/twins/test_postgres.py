"""Postgres passes the tests that its in-memory twin passes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, Engine

from app.store.batch_statement import NewMessage, Receipt
from app.store.batch_writes import store_batch
from app.store.engine import reading
from tests.factories.store import add_direct, add_group, add_users
from tests.twins.memory_store import USERS
from tests.twins.store_contract import StoreContract


def real_functions() -> SimpleNamespace:
    """Returns the functions that the twin replaces."""
    found = SimpleNamespace()
    for user, names in USERS.items():
        for name in names:
            target = import_module(user)
            for part in name.split("."):
                target = getattr(target, part)
            setattr(found, name.split(".")[-1], target)
    return found


class StoredWorld:
    def __init__(self, engine: Engine, conn: Connection) -> None:
        self.conn = conn
        self.functions = real_functions()
        self._engine = engine

    def users(self, count: int) -> list[int]:
        return add_users(self._engine, count)

    def direct(self, user: int, other: int) -> int:
        return add_direct(self._engine, user, other)

    def group(self, members: list[int]) -> int:
        return add_group(self._engine, members)

    def store(self, messages: list[NewMessage], receipts: list[Receipt] = []) -> None:  # noqa: B006
        assert store_batch(self._engine, 1, messages, receipts) == []


class TestStore(StoreContract):
    @pytest.fixture
    def world(self, bounded: Engine) -> Iterator[StoredWorld]:
        with reading(bounded) as conn:
            yield StoredWorld(bounded, conn)
