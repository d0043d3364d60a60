"""A database and an indexer for one test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from app.config import Settings
from app.core.search import SearchFilter
from app.services.indexing.index_messages import Indexer
from app.services.reading.direct_cache import DirectCache
from app.services.reading.search_messages import search_messages
from app.store.engine import autocommit, create_engine
from app.store.replica import StoreReads
from dev.embedded import EmbeddedStores
from tests.support.store_template import TEMPLATE

NAME = "parley_search_index"


@pytest.fixture
def engine(stores: EmbeddedStores, settings: Settings) -> Iterator[Engine]:
    """A database of its own for each test."""
    stores.postgres.create_database(NAME, TEMPLATE)
    url = stores.postgres.url(NAME, scheme="postgresql+psycopg")
    made = create_engine(replace(settings, database_url=url), timeout_seconds=60)
    yield made
    made.dispose()
    stores.postgres.drop_database(NAME)


def indexer(engine: Engine, upto: int = 2**62, batch: int = 3) -> Indexer:
    return Indexer(engine=engine, stored_version=lambda: upto, batch=batch)


def rows(engine: Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    with autocommit(engine) as conn:
        return [tuple(row) for row in conn.execute(text(query), values)]


def indexed(engine: Engine) -> dict[int, int]:
    """Returns seq -> bucket of the indexed messages."""
    return dict(rows(engine, "SELECT seq, bucket FROM message_terms ORDER BY seq"))  # type: ignore[arg-type]


def seqs(engine: Engine, user: int, words: str) -> list[int]:
    found = search_messages(
        user, words, SearchFilter(), None, 50, store_reads=StoreReads(engine), directs=DirectCache()
    )
    return [message["seq"] for message in found["messages"]]
