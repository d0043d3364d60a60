"""The store without a server: PostgreSQL and the application's engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine

from app.config import Settings
from app.store.engine import autocommit, create_engine
from app.store.sql import driver
from dev.embedded import EmbeddedStores
from tests.integration.store.partition_runs import FILL
from tests.support.process_engine import module_engine as engine
from tests.support.store_template import TEMPLATE

__all__ = ["engine"]

_numbers = itertools.count(1)


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """Each statement is a transaction of its own."""
    with autocommit(engine) as connection:
        yield connection


@pytest.fixture
def filled_url(stores: EmbeddedStores) -> Iterator[str]:
    """A migrated database for one test."""
    name = f"parts_{next(_numbers)}"
    stores.postgres.create_database(name, TEMPLATE)
    yield stores.postgres.url(name, scheme="postgresql+psycopg")
    stores.postgres.drop_database(name)


@pytest.fixture
def filled(settings: Settings, filled_url: str) -> Iterator[Engine]:
    """3,600 messages in a database of their own."""
    made = create_engine(replace(settings, database_url=filled_url))
    with autocommit(made) as conn:
        driver(conn).execute(FILL)
    yield made
    made.dispose()
