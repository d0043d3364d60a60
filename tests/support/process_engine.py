"""The fixture ``engine`` of tests that need the engine of a process for each test, with the settings of the module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from app.config import Settings
from app.store.engine import create_engine


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = create_engine(settings)
    yield made
    made.dispose()
