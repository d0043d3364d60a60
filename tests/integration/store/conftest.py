"""The store without a server: PostgreSQL and the application's engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.store.engine import autocommit, create_engine


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """Each statement is a transaction of its own."""
    with autocommit(engine) as connection:
        yield connection
